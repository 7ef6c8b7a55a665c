"""The database itself refuses a row that points at another tenant's row, in the words for a row that is missing."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, Table, UniqueConstraint, delete, insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError, SAWarning

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.services.databases import DatabaseService
from cs_ml.store.database import QUEUE_SCHEMA, Database
from cs_ml.store.migrations import binding, runner
from cs_ml.store.migrations.baseline import building
from cs_ml.store.migrations.baseline.words import METADATA
from cs_ml.store.tables import AccountSummary, Base, ShadowPrediction
from tests.store.crm import crm_database, role
from tests.store.tenancy.twins import populate
from tests.support.databases import postgres_database
from tests.support.factories import NOW, add_account, add_contact, add_opportunity, add_tenant
from tests.support.postgres import PostgresServer

MISSING: Mapping[str, object] = {"runId": "norun"}  # else a number that nobody has
STAGES = "SalesPipelineStage"
# Told apart by a number that the database gives, or one that is made up at random; never by what somebody enters.
SURROGATE = {("id",)}


@dataclass(frozen=True)
class Edge:
    """A column of a tenant's rows that names a row of a tenant."""

    child: Table
    column: str
    parent: Table


def edges() -> list[Edge]:
    found = []
    for child in Base.metadata.sorted_tables:
        for key in (key for column in child.columns for key in column.foreign_keys):
            parent = key.column.table
            if "tenantId" in child.c and ("tenantId" in parent.c or parent.name == STAGES):
                found.append(Edge(child, key.parent.name, parent))
    return found


@dataclass(frozen=True)
class Twins:
    mine: Actor
    theirs: Actor


def fill(database: Database) -> Twins:
    """Two tenants with a row of every table that points at another, each time at the first's own."""
    twins = Twins(add_tenant(database, "mine"), add_tenant(database, "theirs"))
    for actor, word, first in ((twins.mine, "Mine", 550_001), (twins.theirs, "Theirs", 770_001)):
        account = populate(database, actor, word, first).account_id
        add_account(database, actor, parent_account_id=account)
        contact, deal = add_contact(database, actor, account), add_opportunity(database, actor, account)
        with database.write(actor) as scope:
            scope.insert(AccountSummary, [{"accountId": account, "openCtas": 0, "overdueCtas": 0}])
            shadow = {"engine": "rules", "engineVersion": "1", "predictionWindow": 90, "probability": 0.5}
            scope.insert(ShadowPrediction, [{**shadow, "accountId": account, "predictedAt": NOW}])
        with database.engine.begin() as connection:
            row = update(Base.metadata.tables["CRMActivity"]).where(_of(actor, Base.metadata.tables["CRMActivity"]))
            connection.execute(row.values(contactId=contact, opportunityId=deal))
            opportunities = Base.metadata.tables["Opportunity"]
            connection.execute(update(opportunities).where(opportunities.c.id == deal).values(pipelineId=first + 2))
            predictions, cta = Base.metadata.tables["AccountMLPrediction"], first + 4
            connection.execute(update(predictions).where(_of(actor, predictions)).values(generatedCtaId=cta))
    return twins


@pytest.fixture
def twins(database: Database) -> Twins:
    return fill(database)


def _of(actor: Actor, table: Table) -> Any:
    return table.c.tenantId == actor.tenant_id


def _row(connection: Connection, actor: Actor, edge: Edge) -> dict[str, Any]:
    """A row of the tenant whose column is set."""
    chosen = select(edge.child).where(_of(actor, edge.child), edge.child.c[edge.column].is_not(None))
    return dict(connection.execute(chosen).mappings().all()[-1])


def _refusal(connection: Connection, act: Callable[[], object]) -> str:
    with pytest.raises(IntegrityError) as refused, connection.begin_nested():
        act()
    return str(refused.value.orig)


def ways(connection: Connection, edge: Edge, row: Mapping[str, Any]) -> Iterator[Callable[[object], object]]:
    """An insertion and a change of `row`, as functions of what its column names."""
    (key,) = edge.child.primary_key.columns
    free: Any = "new" if isinstance(row[key.name], str) else 880_001
    yield lambda parent: connection.execute(insert(edge.child).values({**row, key.name: free, edge.column: parent}))
    here = update(edge.child).where(key == row[key.name])
    yield lambda parent: connection.execute(here.values({edge.column: parent}))


def test_a_row_that_points_at_a_foreign_row_fails_like_one_that_points_nowhere(
    database: Database, twins: Twins, figure: Callable[[str], None]
) -> None:
    refused = 0
    with database.engine.begin() as connection:
        for edge in edges():
            row, foreign = _row(connection, twins.mine, edge), _row(connection, twins.theirs, edge)[edge.column]
            for act in ways(connection, edge, row):
                told = {
                    _refusal(connection, lambda: act(foreign)),  # noqa: B023 - called at once
                    _refusal(connection, lambda: act(MISSING.get(edge.column, 990_001))),  # noqa: B023
                }
                assert len(told) == 1, edge
                refused += 1
    assert refused == 2 * len(edges()) >= 40
    figure(f"{database.dialect}: {refused} rows that point at another tenant's, 0 accepted")


def test_rows_that_point_at_their_own_tenants_are_taken(database: Database, twins: Twins) -> None:
    """So that the test above can fail: each of its rows is taken again, and may be moved to a row of its tenant."""
    with database.engine.begin() as connection:
        for edge in edges():
            row = _row(connection, twins.mine, edge)
            (key,) = edge.child.primary_key.columns
            with connection.begin_nested() as point:
                children = (each for each in edges() if each.parent is edge.child)
                for each in children:
                    connection.execute(delete(each.child).where(each.child.c[each.column] == row[key.name]))
                connection.execute(delete(edge.child).where(key == row[key.name]))
                connection.execute(insert(edge.child).values(row))
                if edge.child.c[edge.column].nullable:
                    here = update(edge.child).where(key == row[key.name])
                    connection.execute(here.values({edge.column: None}))
                    connection.execute(here.values({edge.column: row[edge.column]}))
                point.rollback()


def test_no_row_goes_over_to_another_tenant(database: Database, twins: Twins) -> None:
    with database.engine.begin() as connection:
        parents = {edge.parent for edge in edges()} - {Base.metadata.tables[STAGES]}
        for table in {edge.child for edge in edges()} | parents:
            mine = update(table).where(_of(twins.mine, table))
            _refusal(connection, lambda: connection.execute(mine.values(tenantId=twins.theirs.tenant_id)))  # noqa: B023
            connection.execute(mine.values(tenantId=twins.mine.tenant_id))
        stages = Base.metadata.tables[STAGES]
        _refusal(connection, lambda: connection.execute(update(stages).values(pipelineId=770_003)))


def test_a_statement_that_passed_the_door_is_refused_too(database: Database, twins: Twins) -> None:
    """As a role that row-level security holds, where there is one."""
    forgotten = text('UPDATE "ChurnEvent" SET "accountId" = 770001 WHERE "accountId" = 550001')
    with database.write(twins.mine) as scope:
        _refusal(scope._connection, lambda: scope._connection.execute(forgotten))
    if database.dialect == "postgresql":
        with role(database, DatabaseService(database).grants) as granted, granted.write(twins.mine) as scope:
            told = {
                _refusal(scope._connection, lambda: scope._connection.execute(forgotten)),
                _refusal(
                    scope._connection, lambda: scope._connection.execute(text(str(forgotten).replace("770", "9")))
                ),
            }
        assert len(told) == 1


def test_unique_keys_hold_the_tenant(database: Database) -> None:
    """No collision tells what another tenant has."""
    inspector, without = inspect(database.engine), set()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
        for table in (table for table in Base.metadata.sorted_tables if "tenantId" in table.c):
            keys = [tuple(inspector.get_pk_constraint(table.name)["constrained_columns"])]
            keys += [tuple(each["column_names"]) for each in inspector.get_unique_constraints(table.name)]
            keys += [
                tuple(name or "" for name in index["column_names"])
                for index in inspector.get_indexes(table.name)
                if index["unique"]
            ]
            keys += [
                tuple(column.name for column in each.columns)
                for each in table.constraints
                if isinstance(each, UniqueConstraint)
            ]
            without |= {(table.name, *key) for key in keys if "tenantId" not in key and key not in SURROGATE}
    # Its CTA is one of the tenant, which is looked at first.
    assert without == {("AccountMLPrediction", "generatedCtaId")}


def as_of_0003(database: Database) -> None:
    """What a database is like that the release before left."""
    with database.migration() as connection:
        binding.unbind(connection, METADATA, building.tables_made(connection))
        connection.execute(text("""UPDATE "SchemaVersion" SET version_num = '0003'"""))


def test_an_older_database_is_bound_by_the_upgrade(database: Database) -> None:
    as_of_0003(database)
    twins = fill(database)
    with database.engine.begin() as connection:
        foreign = text('UPDATE "ChurnEvent" SET "accountId" = 770001 WHERE "accountId" = 550001')
        with connection.begin_nested() as point:
            connection.execute(foreign)  # taken, then
            point.rollback()
    assert DatabaseService(database).upgrade() == []
    with database.engine.begin() as connection:
        _refusal(connection, lambda: connection.execute(foreign))
        mine = _of(twins.mine, Base.metadata.tables["ChurnEvent"])
        assert len(connection.execute(select(Base.metadata.tables["ChurnEvent"]).where(mine)).all()) == 1


def test_rows_of_two_tenants_at_once_are_named_and_nothing_is_changed(database: Database) -> None:
    as_of_0003(database)
    fill(database)
    foreign = 'UPDATE "ChurnEvent" SET "accountId" = 770001 WHERE "accountId" = 550001'
    with database.engine.begin() as connection:
        connection.execute(text(foreign))
    with pytest.raises(Invalid, match=r"at once: 1 of ChurnEvent\.accountId\. Correct or remove them"):
        DatabaseService(database).upgrade()
    with database.engine.begin() as connection:
        assert runner.current_version(connection) == "0003"
        connection.execute(text('DELETE FROM "ChurnEvent"'))
    DatabaseService(database).upgrade()
    assert DatabaseService(database).check().version == runner.versions()[-1]
    if database.dialect == "postgresql":
        assert DatabaseService(database).check().guarded_by_door_alone == []


def test_an_owner_who_is_no_superuser_can_upgrade(postgres_server: PostgresServer, migrated_postgres: str) -> None:
    """Row-level security hides the rows of its own tables from it; the upgrade looks at them all the same."""
    with postgres_database(postgres_server, template=migrated_postgres) as url:
        database = Database(url)
        as_of_0003(database)
        fill(database)
        with database.engine.begin() as connection:
            connection.execute(text('UPDATE "ChurnEvent" SET "accountId" = 770001 WHERE "accountId" = 550001'))
        with role(database, _owning(database)) as owner:
            with pytest.raises(Invalid, match=r"1 of ChurnEvent\.accountId"):
                DatabaseService(owner).upgrade()
            with database.engine.begin() as connection:
                connection.execute(text('DELETE FROM "ChurnEvent"'))
            DatabaseService(owner).upgrade()
            assert DatabaseService(owner).check().guarded_by_door_alone == []
        database.close()


def _owning(database: Database) -> Callable[[str], list[str]]:
    names = inspect(database.engine).get_table_names()
    return lambda role: [
        f'GRANT CREATE, USAGE ON SCHEMA public, {QUEUE_SCHEMA} TO "{role}"',
        *(f'ALTER TABLE "{name}" OWNER TO "{role}"' for name in names),
    ]


def test_of_an_adopted_crm_our_own_tables_are_bound(postgres_server: PostgresServer) -> None:
    with crm_database(postgres_server) as crm:
        DatabaseService(crm).upgrade()
        with crm.engine.begin() as connection:
            accounts: dict[str, int] = dict(
                connection.execute(text('SELECT "tenantId", min("id") FROM "Account" GROUP BY 1')).all()
            )
            event = text(
                'INSERT INTO "ChurnEvent" ("tenantId", "accountId", "churnedAt", "approximate")'
                " VALUES ('ckacme', :account, '2020-01-01', false)"
            )
            told = {
                _refusal(connection, lambda: connection.execute(event, {"account": account}))  # noqa: B023
                for account in (accounts["ckglobex"], 999_999)
            }
            assert len(told) == 1
            connection.execute(event, {"account": accounts["ckacme"]})
