"""SQLite and PostgreSQL behave alike: nothing is lost, and values come back as they went in."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Float, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from cs_ml.store.columns import Money
from cs_ml.store.database import Database
from cs_ml.store.tables import AccountFact, Base, PredictionClaim, TenantSetting
from tests.support.databases import sqlite_copy
from tests.support.factories import NOW, add_account, add_tenant

CENT = Decimal("0.01")
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST, LAST = (datetime.fromisoformat(day) for day in ("1971-01-01", "9998-12-30"))
instants = st.datetimes(FIRST, LAST, timezones=zones)
amounts = st.decimals(Decimal("-9999999999999.994"), Decimal("9999999999999.994"), allow_nan=False, places=6)


def stored(database: Database, column: str, value: object) -> object:
    """What comes back of `value` in a column of AccountFact; nothing stays."""
    with database.engine.connect() as connection:
        table = AccountFact.__table__
        connection.execute(text('DELETE FROM "AccountFact"'))
        row = {"tenantId": "tenant-acme", "accountId": 1, "kind": "listed", "validFrom": NOW, column: value}
        connection.execute(insert(AccountFact).values(row))
        back = connection.scalar(select(table.c[column]))
        connection.rollback()
    return back


MONEY = re.compile(r"amount|arr$|cost|price|revenue|value$", re.IGNORECASE)


def test_no_column_of_money_is_a_float() -> None:
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    assert sum(isinstance(column.type, Money) for column in columns) > 5
    floats = [str(column) for column in columns if isinstance(column.type, Float) and MONEY.search(column.name)]
    assert floats == ["AccountMLPrediction.llmCost"]  # the CRM made it so; it is shown, and never added up


@pytest.fixture
def with_account(database: Database) -> Database:
    assert add_account(database, add_tenant(database, "acme")) == 1
    return database


@pytest.fixture
def sqlite_database(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_copy(migrated_sqlite, tmp_path))
    yield database
    database.close()


@shared
@given(instant=instants)
def test_instants_come_back_in_utc_to_the_millisecond(with_account: Database, instant: datetime) -> None:
    back = stored(with_account, "renewalDate", instant)
    utc = instant.astimezone(UTC)
    assert back == utc.replace(microsecond=utc.microsecond // 1000 * 1000)
    assert isinstance(back, datetime)
    assert back.tzinfo is UTC


@shared
@given(one=instants, other=instants)
def test_stored_instants_sort_as_instants(with_account: Database, one: datetime, other: datetime) -> None:
    with with_account.engine.connect() as connection:
        connection.execute(text('DELETE FROM "TenantSetting"'))
        rows = [
            {"tenantId": "tenant-acme", "key": key, "value": 1, "updatedAt": at}
            for key, at in (("one", one), ("other", other))
        ]
        connection.execute(insert(TenantSetting), rows)
        found = connection.execute(select(TenantSetting.updated_at).order_by(TenantSetting.updated_at)).scalars().all()
        connection.rollback()
    assert found == sorted(found)


@shared
@given(amount=amounts)
def test_money_comes_back_rounded_half_even_to_the_cent(with_account: Database, amount: Decimal) -> None:
    back = stored(with_account, "arr", amount)
    assert isinstance(back, Decimal)
    assert back == amount.quantize(CENT, rounding=ROUND_HALF_EVEN)


def test_sums_of_money_are_exact(with_account: Database) -> None:
    same = {"tenantId": "tenant-acme", "accountId": 1, "kind": "listed", "arr": CENT}
    facts = [{**same, "validFrom": NOW + timedelta(days=day)} for day in range(300)]
    with with_account.engine.connect() as connection:
        connection.execute(insert(AccountFact), facts)
        total = sum(connection.scalars(select(AccountFact.arr)))
    assert total == Decimal("3.00")


def test_a_datetime_without_a_zone_is_refused(with_account: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        stored(with_account, "renewalDate", FIRST)


def test_foreign_keys_hold(database: Database) -> None:
    actor = add_tenant(database)
    with pytest.raises(IntegrityError):
        add_account(database, actor, owner_id=987654)


def test_no_increment_is_lost(database: Database) -> None:
    """Eight writers read, add one and write, 25 times each."""
    actor = add_tenant(database)
    with database.write(actor) as scope:
        scope.insert(TenantSetting, [{"key": "count", "value": 0, "updatedAt": NOW}])
    count = select(TenantSetting.value).where(TenantSetting.key == "count")
    failures: list[BaseException] = []

    def increment() -> None:
        try:
            for _ in range(25):
                with database.write(actor) as scope:
                    statement = count.with_for_update() if database.dialect == "postgresql" else count
                    value = scope.execute(statement).scalar_one() + 1
                    row = {"key": "count", "value": value, "updatedAt": NOW}
                    scope.upsert(TenantSetting, row, key=("tenantId", "key"))
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=increment) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read(actor) as scope:
        assert scope.execute(count).scalar_one() == 200


def test_a_failed_write_leaves_nothing(database: Database) -> None:
    actor = add_tenant(database)
    row = {"key": "count", "value": 0, "updatedAt": NOW}

    def write_twice() -> None:
        with database.write(actor) as scope:
            scope.insert(TenantSetting, [row])
            scope.insert(TenantSetting, [row])

    with pytest.raises(IntegrityError):
        write_twice()
    with database.read(actor) as scope:
        assert scope.execute(select(TenantSetting.key)).all() == []


def test_a_reader_sees_one_state_while_others_write(sqlite_database: Database) -> None:
    """WAL on SQLite: a reader neither waits for a writer nor holds it up."""
    database = sqlite_database
    actor = add_tenant(database)
    with database.read(actor) as reader:
        assert reader.execute(select(TenantSetting.key)).all() == []
        with database.write(actor) as writer:
            writer.insert(TenantSetting, [{"key": "count", "value": 0, "updatedAt": NOW}])
        assert reader.execute(select(TenantSetting.key)).all() == []


def test_an_upsert_leaves_a_row_that_its_condition_excludes(database: Database) -> None:
    """What a claim rests on: of two who want the same, one gets it."""
    actor = add_tenant(database)
    claim = {"accountId": add_account(database, actor), "predictionType": "CHURN", "windowDays": 90, "expiresAt": NOW}
    key = ("tenantId", "accountId", "predictionType", "windowDays")
    answers = []
    for holder in ("first", "second"):
        with database.write(actor) as scope:
            expired = PredictionClaim.expires_at < NOW
            answers.append(scope.upsert(PredictionClaim, {**claim, "holder": holder}, key=key, only_where=expired))
    with database.read(actor) as scope:
        assert scope.execute(select(PredictionClaim.holder)).scalars().all() == ["first"]
    assert answers == [True, False]


def test_connections_that_the_server_closed_are_made_anew(database: Database) -> None:
    if database.dialect != "postgresql":
        return  # a file closes nothing
    actor = add_tenant(database)
    with database.read(actor), database.read(actor):
        pass  # two are kept
    ended = """SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    with psycopg.connect(database.engine.url.set(drivername="postgresql").render_as_string(False)) as connection:
        found = connection.execute(ended).fetchone()
        assert found is not None
        assert found[0] >= 2
    for _ in range(2):
        with database.read(actor) as scope:
            assert scope.execute(select(TenantSetting.key)).all() == []


def test_json_is_read_however_deep(database: Database) -> None:
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    actor = add_tenant(database)
    with database.write(actor) as scope:
        scope.upsert(TenantSetting, {"key": "deep", "value": deep, "updatedAt": NOW}, key=("tenantId", "key"))
    with database.read(actor) as scope:
        assert scope.execute(select(TenantSetting.value)).scalar() == deep
