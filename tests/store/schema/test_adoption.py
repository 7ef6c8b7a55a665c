"""An existing CRM is adopted: nothing of it changes, and what is left to an administrator is printed as SQL."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pwdlib.hashers.bcrypt import BcryptHasher
from sqlalchemy import create_engine, select, text

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import CsMlError, Invalid
from cs_ml.services.databases import DatabaseService
from cs_ml.store.database import QUEUE_SCHEMA, Database
from cs_ml.store.migrations import runner
from cs_ml.store.tables import Account, Base, ChurnEvent
from tests.store.catalog import row_lines, schema_lines
from tests.store.crm import FIXTURES, crm_database, script
from tests.support.factories import add_account, add_prediction
from tests.support.postgres import PostgresServer

ACME = Actor.system("ckacme")
OPTIONAL = {"AccountMLPrediction", "AIUsageEvent"}
TYPE_ALONE = """CREATE TYPE "MLPredictionStatus" AS ENUM ('ACTIVE', 'EXPIRED', 'VALIDATED', 'ARCHIVED')"""
VARIANTS = {
    "without predictions": "",
    "one type there": TYPE_ALONE,
    "predictions there": (FIXTURES / "crm_predictions.sql").read_text(encoding="utf-8"),
}


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
        elif kind == "function":
            assert subject.removesuffix("_tenant") in new_tables  # of its trigger
        elif kind == "schema":
            assert subject == QUEUE_SCHEMA  # the job queue's, beside the CRM's
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
