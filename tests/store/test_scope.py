"""The tenant door: two twin tenants, and no statement of one that touches the other."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import delete, exists, func, insert, literal, literal_column, select, text, union_all, update
from sqlalchemy.orm import Session, aliased

from cs_ml.domain.actor import Actor
from cs_ml.store.database import Database
from cs_ml.store.identity.door import UnscopedStatement, bind_door
from cs_ml.store.tables import (
    CTA,
    Account,
    ChurnEvent,
    CRMActivity,
    CTATask,
    ExternalRef,
    Opportunity,
    PlaybookTask,
    SalesPipelineStage,
    TenantSetting,
    User,
)
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_churn,
    add_cta,
    add_opportunity,
    add_tenant,
    add_user,
)


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A tenant with two accounts: the first is its actor's, the second a colleague's."""

    actor: Actor
    mine: int
    colleagues: int

    @property
    def limited(self) -> Actor:
        return replace(self.actor, scope="owned")


@pytest.fixture
def twins(database: Database) -> tuple[Twin, Twin]:
    return make_twin(database, "acme"), make_twin(database, "globex")


def make_twin(database: Database, slug: str) -> Twin:
    actor = add_tenant(database, slug)
    mine = add_account(database, actor, name="Mine")
    colleagues = add_account(database, actor, name="Colleague's", owner_id=add_user(database))
    for account in (mine, colleagues):
        add_activity(database, actor, account, subject=slug)
        add_cta(database, actor, account, title=slug)
        add_opportunity(database, actor, account, name=slug)
        add_churn(database, actor, account, reason=slug)
    return Twin(actor=actor, mine=mine, colleagues=colleagues)


def rows(database: Database, actor: Actor, statement: Any, params: dict[str, Any] | None = None) -> list[Any]:
    with database.read(actor) as scope:
        return [row[0] if len(row) == 1 else tuple(row) for row in scope.execute(statement, params)]


other = aliased(Account)
latest = select(func.max(CRMActivity.id)).where(CRMActivity.account_id == Account.id).scalar_subquery()
busy = select(CRMActivity.account_id).where(CRMActivity.type == "CALL")
tagged = select(Account.id.label("id"), Account.name.label("name")).subquery()
numbered = select(Account.id.label("id")).cte("numbered")

# Statements that answer account ids, whatever way they take.
READS: dict[str, Any] = {
    "columns": select(Account.id),
    "alias": select(other.id),
    "join": select(Account.id).join(CRMActivity, CRMActivity.account_id == Account.id),
    "outer join": select(CRMActivity.account_id).outerjoin(Account, Account.id == CRMActivity.account_id),
    "join of a child": select(Opportunity.account_id).join(CTA, CTA.account_id == Opportunity.account_id),
    "cross join": select(CTA.account_id).join(Opportunity, literal(1) == 1),
    "subquery in where": select(Account.id).where(Account.id.in_(busy)),
    "exists": select(Account.id).where(exists().where(CRMActivity.account_id == Account.id)),
    "scalar subquery": select(Account.id).where(latest > 0),
    "common table expression": select(Account.id).join(numbered, numbered.c.id == Account.id),
    "group": select(CRMActivity.account_id).group_by(CRMActivity.account_id).having(func.count(CRMActivity.id) > 0),
    "window": select(CRMActivity.account_id, func.row_number().over(order_by=CRMActivity.id)).with_only_columns(
        CRMActivity.account_id
    ),
    "or that is always true": select(Account.id).where((Account.id < 0) | (literal(1) == 1)),
    "order and limit": select(Account.id).order_by(Account.id).limit(100),
    "union": union_all(select(Account.id), select(CTA.account_id)),
    "our own table": select(ChurnEvent.account_id),
}


@pytest.mark.parametrize("statement", READS.values(), ids=READS)
def test_a_read_sees_the_tenants_rows_alone(database: Database, twins: tuple[Twin, Twin], statement: Any) -> None:
    for twin in twins:
        assert set(rows(database, twin.actor, statement)) == {twin.mine, twin.colleagues}


@pytest.mark.parametrize("statement", READS.values(), ids=READS)
def test_a_limited_actor_sees_their_own_accounts_alone(
    database: Database, twins: tuple[Twin, Twin], statement: Any
) -> None:
    for twin in twins:
        assert set(rows(database, twin.limited, statement)) == {twin.mine}


def test_one_statement_serves_both_kinds_of_actors_in_turn(database: Database, twins: tuple[Twin, Twin]) -> None:
    statement = select(Account.id).order_by(Account.id)
    for _ in range(3):
        for twin in twins:
            assert rows(database, twin.actor, statement) == [twin.mine, twin.colleagues]
            assert rows(database, twin.limited, statement) == [twin.mine]


def test_nobody_chooses_the_tenant_by_a_parameter(database: Database, twins: tuple[Twin, Twin]) -> None:
    acme, globex = twins
    params = {"scope_tenant": globex.actor.tenant_id, "scope_user": globex.actor.user_id}
    assert set(rows(database, acme.limited, select(Account.id), params)) == {acme.mine}


def test_a_limited_actor_without_a_user_sees_nothing(database: Database, twins: tuple[Twin, Twin]) -> None:
    nobody = replace(Actor.system(twins[0].actor.tenant_id), scope="owned")
    assert rows(database, nobody, select(Account.id)) == []


CHILDREN = {
    "SalesPipelineStage": SalesPipelineStage.id,
    "PlaybookTask": PlaybookTask.id,
    "CTATask": CTATask.id,
}


def add_children(database: Database, twin: Twin) -> None:
    with database.engine.begin() as connection:
        cta = connection.scalar(select(CTA.id).where(CTA.account_id == twin.mine))
        task = {"ctaId": cta, "title": "t", "updatedAt": NOW}
        connection.execute(insert(CTATask), [task])
        playbook = text("""INSERT INTO "Playbook" ("tenantId", "name", "updatedAt") VALUES (:tenant, 'p', :now)
            RETURNING "id" """)
        found = connection.scalar(playbook, {"tenant": twin.actor.tenant_id, "now": "2026-06-30 12:00:00.000"})
        connection.execute(insert(PlaybookTask), [{"playbookId": found, "title": "t", "updatedAt": NOW}])


@pytest.mark.parametrize("column", CHILDREN.values(), ids=CHILDREN)
def test_rows_without_a_tenant_of_their_own_follow_their_parent(
    database: Database, twins: tuple[Twin, Twin], column: Any
) -> None:
    for twin in twins:
        add_children(database, twin)
    first, second = (set(rows(database, twin.actor, select(column))) for twin in twins)
    assert first
    assert second
    assert not first & second


CHANGES: dict[str, Callable[[int], Any]] = {
    "update": lambda account: update(Account).where(Account.id == account).values(name="Changed"),
    "update of all": lambda _: update(Account).values(name="Changed"),
    "update by a subquery": lambda _: update(Account).where(Account.id.in_(busy)).values(name="Changed"),
    "update of children": lambda account: update(CTA).where(CTA.account_id == account).values(title="Changed"),
    "delete": lambda account: delete(CTA).where(CTA.account_id == account),
    "delete of all": lambda _: delete(CTA),
    "delete by a subquery": lambda _: delete(ChurnEvent).where(ChurnEvent.account_id.in_(select(Account.id))),
}


def everything(database: Database, actor: Actor) -> list[Any]:
    statements = [
        select(Account.id, Account.name).order_by(Account.id),
        select(CTA.id, CTA.account_id, CTA.title).order_by(CTA.id),
        select(ChurnEvent.id, ChurnEvent.account_id).order_by(ChurnEvent.id),
    ]
    return [rows(database, actor, statement) for statement in statements]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_stays_in_the_tenant(
    database: Database, twins: tuple[Twin, Twin], change: Callable[[int], Any]
) -> None:
    acme, globex = twins
    before = everything(database, globex.actor)
    mine = everything(database, acme.actor)
    for target in (globex.mine, acme.mine):
        with database.write(acme.actor) as scope:
            scope.execute(change(target))
    assert everything(database, globex.actor) == before
    assert everything(database, acme.actor) != mine


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_limited_actors_change_stays_in_their_accounts(
    database: Database, twins: tuple[Twin, Twin], change: Callable[[int], Any]
) -> None:
    acme, globex = twins
    foreign = everything(database, globex.actor)
    accounts, ctas, churns = everything(database, acme.actor)
    for target in (acme.colleagues, acme.mine):
        with database.write(acme.limited) as scope:
            scope.execute(change(target))
    accounts_after, ctas_after, churns_after = everything(database, acme.actor)
    assert everything(database, globex.actor) == foreign
    assert accounts[1] == accounts_after[1]
    for before, after in ((ctas, ctas_after), (churns, churns_after)):
        assert [row for row in before if row[1] != acme.mine] == [row for row in after if row[1] != acme.mine]
    assert (accounts, ctas, churns) != (accounts_after, ctas_after, churns_after)


def test_an_insert_is_the_actors_whatever_its_rows_say(database: Database, twins: tuple[Twin, Twin]) -> None:
    acme, globex = twins
    row = {"name": "New", "ownerId": acme.actor.user_id, "updatedAt": NOW, "tenantId": globex.actor.tenant_id}
    with database.write(acme.actor) as scope:
        scope.insert(Account, [row])
        ids = scope.insert_returning_ids(Account, [{**row, "name": "One"}, {**row, "name": "Two"}])
    assert len(rows(database, globex.actor, select(Account.id))) == 2
    assert rows(database, acme.actor, select(Account.name).where(Account.id.in_(ids)).order_by(Account.id)) == [
        "One",
        "Two",
    ]


def test_an_upsert_writes_beside_the_other_tenants_row(database: Database, twins: tuple[Twin, Twin]) -> None:
    for number, twin in enumerate(twins):
        for value in (number, number + 10):
            row = {"key": "zone", "value": value, "updatedAt": NOW, "tenantId": twins[0].actor.tenant_id}
            with database.write(twin.actor) as scope:
                assert scope.upsert(TenantSetting, row, key=("tenantId", "key"))
    assert [rows(database, twin.actor, select(TenantSetting.value)) for twin in twins] == [[10], [11]]


table: Any = Account.__table__
REFUSED: dict[str, Any] = {
    "a raw table": select(table),
    "a raw table's column": select(table.c.id),
    "a raw column beside a mapped one": select(CTA.id, table.c.name),
    "a raw table in a join": select(CTA.id).join(table, table.c.id == CTA.account_id),
    "a raw table in a subquery": select(CTA.id).where(CTA.account_id.in_(select(table.c.id))),
    "a raw table in a common table expression": select(CTA.id).where(
        CTA.account_id == select(table.c.id).cte("every").c.id
    ),
    "a raw table in one part of a union": union_all(select(Account.id), select(table.c.id)),
    "text": text('SELECT "id" FROM "Account"'),
    "text as a column": select(Account.id, text('"name" FROM "Account" --')),
    "text in a condition": select(Account.id).where(text("1 = 1) OR (1 = 1")),
    "text with columns": select(text('SELECT "id" FROM "Account"').columns(table.c.id).subquery().c.id),
    "an insert": insert(Account).values(name="x"),
    "an insert from a select": insert(Account).from_select(["name"], select(Account.name)),
    "an update of a raw table": update(table).values(name="x"),
    "a delete from a raw table": delete(table),
    "an alias of a raw table": select(CTA.id).join(table.alias("every"), literal(1) == 1),
    "columns of a subquery alone": select(tagged.c.id),
    "users alone": select(User.email),
    "a literal column": select(Account.id, literal_column('(SELECT count(*) FROM "Account")')),
    "nothing of a table": select(literal(1)),
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_what_the_filter_cannot_reach_is_refused(database: Database, twins: tuple[Twin, Twin], statement: Any) -> None:
    with database.write(twins[0].actor) as scope, pytest.raises(UnscopedStatement):
        scope.execute(statement)


@pytest.mark.parametrize("statement", [select(Account.id), text("SELECT 1"), insert(Account), delete(Account)], ids=str)
def test_a_session_takes_nothing_that_did_not_come_through_the_door(database: Database, statement: Any) -> None:
    with Session(database.engine) as session:
        bind_door(session)
        with pytest.raises(UnscopedStatement):
            session.execute(statement)


def test_the_session_of_a_scope_is_guarded_too(database: Database, twins: tuple[Twin, Twin]) -> None:
    with database.read(twins[0].actor) as scope:
        for direct in (
            lambda: scope._session.execute(select(Account.id)),
            lambda: scope._session.get(Account, twins[1].mine),
            lambda: scope._session.scalars(select(Account)),
        ):
            with pytest.raises(UnscopedStatement):
                direct()


def test_an_upsert_needs_the_tenant_in_its_key(database: Database, twins: tuple[Twin, Twin]) -> None:
    with database.write(twins[0].actor) as scope, pytest.raises(UnscopedStatement):
        scope.upsert(ExternalRef, {"kind": "account", "ref": "1", "targetId": 1}, key=("kind", "ref"))
