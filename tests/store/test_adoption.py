"""An existing CRM is adopted: nothing of it changes, and what is left to an administrator is printed as SQL."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from pwdlib.hashers.bcrypt import BcryptHasher
from sqlalchemy import create_engine, make_url, select, text
from sqlalchemy.exc import ProgrammingError

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import CsMlError, Invalid
from cs_ml.services.databases import DatabaseService
from cs_ml.store.database import Database
from cs_ml.store.migrations import runner
from cs_ml.store.tables import Account, Base, ChurnEvent
from tests.factories import add_account, add_prediction, add_tenant
from tests.support.catalog import row_lines, schema_lines
from tests.support.databases import postgres_database
from tests.support.postgres import PostgresServer

FIXTURES = Path(__file__).parents[1] / "fixtures"
ACME = Actor.system("ckacme")
OPTIONAL = {"AccountMLPrediction", "AIUsageEvent"}
TYPE_ALONE = """CREATE TYPE "MLPredictionStatus" AS ENUM ('ACTIVE', 'EXPIRED', 'VALIDATED', 'ARCHIVED')"""
VARIANTS = {
    "without predictions": "",
    "one type there": TYPE_ALONE,
    "predictions there": (FIXTURES / "crm_predictions.sql").read_text(encoding="utf-8"),
}


@contextmanager
def crm_database(server: PostgresServer, more: str = "") -> Iterator[Database]:
    with postgres_database(server) as url:
        database = Database(url)
        script(database, (FIXTURES / "crm_schema.sql").read_text(encoding="utf-8") + more)
        yield database
        database.close()


def script(database: Database, statements: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(statements)


@pytest.fixture(params=list(VARIANTS.values()), ids=list(VARIANTS))
def crm(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Iterator[Database]:
    with crm_database(postgres_server, request.param) as database:
        yield database


@pytest.fixture
def plain_crm(postgres_server: PostgresServer) -> Iterator[Database]:
    with crm_database(postgres_server) as database:
        yield database


def listing(database: Database) -> tuple[set[str], dict[str, list[str]]]:
    with database.engine.connect() as connection:
        return schema_lines(connection), row_lines(connection)


def test_adoption_only_adds(crm: Database) -> None:
    lines, rows = listing(crm)
    added = DatabaseService(crm).upgrade()
    lines_after = listing(crm)[0]

    assert lines <= lines_after
    new_tables = {addition.name for addition in added if addition.kind == "table"}
    new_types = {addition.name for addition in added if addition.kind == "type"}
    new_columns = {f"{addition.table}.{addition.name}" for addition in added if addition.kind == "column"}
    assert new_tables == {"SchemaAddition", *Base.metadata.tables} - rows.keys()
    for line in lines_after - lines:
        kind, subject = line.split(" ")[:2]
        subject = subject.replace('"', "")
        table = subject.removesuffix("_id_seq").partition(".")[0]
        if kind == "column" and subject in new_columns:
            assert line.endswith(" NULL"), line
            assert not line.endswith(" NOT NULL"), line
        elif kind == "type":
            assert subject in new_types
        else:
            assert table in {*new_tables, runner.VERSION_TABLE}, line


def test_adoption_leaves_every_row_as_it_was(crm: Database) -> None:
    rows = listing(crm)[1]
    DatabaseService(crm).upgrade()
    after = listing(crm)[1]
    unchanged = rows.keys() - OPTIONAL
    assert {name: after[name] for name in unchanged} == {name: rows[name] for name in unchanged}
    for name in OPTIONAL & rows.keys():
        assert len(after[name]) == len(rows[name])


def test_a_second_upgrade_is_a_no_op(crm: Database) -> None:
    DatabaseService(crm).upgrade()
    before = listing(crm)
    assert DatabaseService(crm).upgrade() == []
    assert listing(crm) == before


def test_downgrade_leaves_the_crm_as_it_was(crm: Database) -> None:
    before, rows = listing(crm)
    DatabaseService(crm).upgrade()
    with crm.migration() as connection:
        runner.downgrade(connection)
    after, rows_after = listing(crm)
    assert {line for line in after - before if runner.VERSION_TABLE not in line} == set()
    assert before <= after
    assert rows_after.pop(runner.VERSION_TABLE) == []
    assert rows_after == rows


def test_an_adopted_crm_can_be_worked_with(crm: Database) -> None:
    DatabaseService(crm).upgrade()
    account = add_account(crm, Actor(tenant_id="ckacme", role=ACME.role, user_id=1))
    add_prediction(crm, ACME, account, completeness={"score": 1})
    with crm.read(ACME) as scope:
        names = scope.execute(select(Account.name).order_by(Account.id)).scalars().all()
    assert names[:2] == ["Stays", "Left"]


def test_churned_and_archived_accounts_become_approximate_churn_events(plain_crm: Database) -> None:
    DatabaseService(plain_crm).upgrade()
    events = {}
    for tenant in ("ckacme", "ckglobex"):
        with plain_crm.read(Actor.system(tenant)) as scope:
            statement = select(ChurnEvent.account_id, ChurnEvent.churned_at, ChurnEvent.approximate)
            events[tenant] = [tuple(row) for row in scope.execute(statement)]
    assert events == {
        "ckacme": [(2, datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=UTC), True)],
        "ckglobex": [(3, datetime(2026, 4, 5, tzinfo=UTC), True)],
    }


def test_the_crms_password_hashes_keep_working(plain_crm: Database) -> None:
    DatabaseService(plain_crm).upgrade()
    with plain_crm.identity() as identity:
        person = identity.find_user("bob@globex.test")
        assert person is not None
        state = identity.password_state(person.id)
    assert state.own_hash is None
    assert BcryptHasher().verify("correct horse battery staple", state.crm_hash or "")


CONFLICTS = [
    ("CREATE TYPE \"MLPredictionStatus\" AS ENUM ('ACTIVE', 'EXPIRED')", "its type MLPredictionStatus lacks VALIDATED"),
    ('CREATE TABLE "ChurnEvent" ("id" TEXT)', "other tables that are called ChurnEvent"),
    ('ALTER TABLE "CTA" DROP COLUMN "title"', "its table CTA lacks title"),
]


@pytest.mark.parametrize(("change", "sentence"), CONFLICTS, ids=["type", "table", "column"])
def test_a_conflict_is_a_sentence_and_changes_nothing(plain_crm: Database, change: str, sentence: str) -> None:
    script(plain_crm, change)
    before = listing(plain_crm)
    with pytest.raises(Invalid, match=sentence):
        DatabaseService(plain_crm).upgrade()
    assert listing(plain_crm) == before


def test_a_table_that_somebody_holds_is_an_error_and_no_standstill(
    plain_crm: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cs_ml.store.database._TABLE_LOCK_WAIT", "50ms")
    before = listing(plain_crm)
    with plain_crm.engine.begin() as connection:
        connection.execute(text('LOCK TABLE "Account" IN ACCESS EXCLUSIVE MODE'))
        with pytest.raises(CsMlError, match="lock timeout"):
            DatabaseService(plain_crm).upgrade()
    assert listing(plain_crm) == before


def test_check_tells_what_guards_an_adopted_crm(plain_crm: Database) -> None:
    DatabaseService(plain_crm).upgrade()
    report = DatabaseService(plain_crm).check()
    assert {"Account", "CTA", "CRMActivity", "Playbook", "CTATask"} <= set(report.guarded_by_door_alone)
    assert not {"ChurnEvent", "AccountFact", "AccountMLPrediction"} & set(report.guarded_by_door_alone)
    assert set(report.adopted) >= {"Account", "User"}
    assert "ChurnEvent" not in report.adopted


def test_indexes_are_printed_until_they_are_there(plain_crm: Database) -> None:
    service = DatabaseService(plain_crm)
    service.upgrade()
    statements = service.indexes()
    assert all(each.startswith("CREATE INDEX CONCURRENTLY IF NOT EXISTS ") for each in statements)
    named = "\n".join(statements)
    assert "CRMActivity_tenantId_accountId_happenedAt_idx" in named
    assert "CTA_tenantId_accountId_status_idx" in named
    assert "CRMContact_tenantId_accountId_idx" not in named  # the CRM has it
    assert "externalId" not in named  # its rows do not allow a unique one
    administrator = create_engine(plain_crm.engine.url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    administrator.dispose()
    assert service.indexes() == []


def test_our_own_database_needs_no_index_and_has_no_adopted_table(database: Database) -> None:
    report = DatabaseService(database).check()
    assert DatabaseService(database).indexes() == []
    assert report.adopted == []
    if database.dialect == "postgresql":
        assert report.guarded_by_door_alone == []
        assert report.role is not None
        assert any("superuser" in warning for warning in report.warnings) == report.role.superuser
    else:
        assert report.sqlite is not None
        assert (report.sqlite.foreign_keys, report.sqlite.journal_mode) == (True, "wal")
        assert report.sqlite.busy_timeout_ms >= 5_000


@contextmanager
def role(owner: Database, grants: Callable[[str], Sequence[str]]) -> Iterator[Database]:
    """`owner`'s database as a new role sees it that has `grants` and no more."""
    name = f"cs_ml_{uuid4().hex}"
    script(owner, f"CREATE ROLE {name} LOGIN PASSWORD 'made up'")
    for statement in grants(name):
        script(owner, statement)
    url = make_url(owner.engine.url).set(username=name, password="made up")
    database = Database(url.render_as_string(hide_password=False))
    try:
        yield database
    finally:
        database.close()
        script(owner, f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.fixture
def own_postgres(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[Database]:
    with postgres_database(postgres_server, template=migrated_postgres) as url:
        database = Database(url)
        yield database
        database.close()


def test_the_granted_role_can_work_and_row_security_holds_it(own_postgres: Database) -> None:
    with role(own_postgres, DatabaseService(own_postgres).grants) as database:
        acme, globex = add_tenant(database, "acme"), add_tenant(database, "globex")
        account = add_account(database, acme)
        add_prediction(database, acme, account)
        report = DatabaseService(database).check()
        assert report.warnings == []
        with database.read(acme) as scope:
            assert scope.execute(select(Account.id)).scalars().all() == [account]
        count = text('SELECT (SELECT count(*) FROM "Account") + (SELECT count(*) FROM "AccountMLPrediction")')
        with database.engine.begin() as connection:
            assert connection.scalar(count) == 0  # no tenant, no row
            bind = text("SELECT set_config('app.current_tenant', :tenant, true)")
            connection.execute(bind, {"tenant": globex.tenant_id})
            assert connection.scalar(count) == 0
            connection.execute(bind, {"tenant": acme.tenant_id})
            assert connection.scalar(count) == 2
            connection.execute(bind, {"tenant": globex.tenant_id})
            foreign = text("""INSERT INTO "TenantReference" ("tenantId", "asOf", "quantiles")
                VALUES (:tenant, now(), '[]')""")
            with pytest.raises(ProgrammingError, match="row-level security"):
                connection.execute(foreign, {"tenant": acme.tenant_id})


def test_the_granted_role_can_work_beside_a_crm(plain_crm: Database) -> None:
    DatabaseService(plain_crm).upgrade()
    with role(plain_crm, DatabaseService(plain_crm).grants) as database:
        with database.read(ACME) as scope:
            assert scope.execute(select(Account.name).order_by(Account.id)).scalars().all() == ["Stays", "Left"]
        add_prediction(database, ACME, 1)
        assert DatabaseService(database).check().warnings == []
        with pytest.raises(ProgrammingError, match="permission denied"), database.engine.begin() as connection:
            connection.execute(text('DELETE FROM "Account"'))


def test_a_role_that_a_policy_hides_accounts_from_cannot_adopt(plain_crm: Database) -> None:
    def almost_enough(name: str) -> list[str]:
        return [f"GRANT ALL ON SCHEMA public TO {name}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}"]

    rows = listing(plain_crm)[1]
    with role(plain_crm, almost_enough) as database:
        with pytest.raises(CsMlError, match="row-level security"):
            DatabaseService(database).upgrade()
        assert listing(plain_crm)[1] == rows


@pytest.mark.parametrize("offset", ["UTC", "Asia/Kolkata"])
def test_default_dates_are_utc_whatever_the_servers_zone(own_postgres: Database, offset: str) -> None:
    name = own_postgres.engine.url.database
    script(own_postgres, f"ALTER DATABASE \"{name}\" SET timezone TO '{offset}'")
    own_postgres.engine.dispose()
    actor = add_tenant(own_postgres)
    account = add_account(own_postgres, actor)
    now = datetime.now(UTC)
    with own_postgres.write(actor) as scope:
        row = {"accountId": account, "churnedAt": now, "approximate": False}
        scope.insert(ChurnEvent, [row])
    with own_postgres.read(actor) as scope:
        created = scope.execute(select(ChurnEvent.created_at)).scalar_one()
    assert abs((created - now).total_seconds()) < 60
