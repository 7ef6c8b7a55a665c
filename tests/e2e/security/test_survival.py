"""What goes wrong around the product, one scenario each, rows counted before and after: nothing lost, nothing twice."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, func, select, text

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import DatabaseAway
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.clock import Clock
from cs_ml.services.identity.access import AccessService
from cs_ml.services.identity.sessions import ABSOLUTE, SessionService
from cs_ml.services.llm.chain import EngineChain
from cs_ml.services.llm.outage import TRIES
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import CLAIM_TTL, PredictionService
from cs_ml.store.database import Database
from cs_ml.store.tables import Account, AccountMLPrediction, AuditEvent, Base, PredictionClaim
from tests.support.databases import sqlite_copy
from tests.support.factories import NOW, add_account, add_tenant
from tests.support.source import ROOT


def predictions(
    database: Database,
    clock: Clock = lambda: NOW,
    sleep: Callable[[float], None] = time.sleep,
    claim_ttl: timedelta = CLAIM_TTL,
) -> PredictionService:
    engines = EngineChain([RulesEngine(default_scorecard())])
    return PredictionService(database, clock, engines, PredictionLimit(100_000), sleep, claim_ttl=claim_ttl)


def count(
    database: Database, actor: Actor, entity: type[Account | AccountMLPrediction | AuditEvent | PredictionClaim]
) -> int:
    with database.read(actor) as scope:
        return int(scope.execute(select(func.count(entity.id))).scalar_one())


@pytest.fixture
def live(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_copy(migrated_sqlite, tmp_path))
    yield database
    database.close()


_WORKER = """
import sys
from datetime import UTC, datetime, timedelta
from cs_ml.domain.actor import Actor
from tests.e2e.security.test_survival import predictions
from cs_ml.store.database import Database
database = Database(sys.argv[1])
service = predictions(database, lambda: datetime.now(UTC), claim_ttl=timedelta(seconds=2))
for account in map(int, sys.argv[3:]):
    found = service.predict(Actor.system(sys.argv[2]), account, force_refresh=True)
    print(found.id, flush=True)
"""


def test_a_process_that_is_killed_loses_nothing_that_it_told(
    live: Database, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    actor = add_tenant(live, "acme")
    accounts = [str(add_account(live, actor)) for _ in range(200)]
    told: list[int] = []
    kills = 10 if at_full_size else 2
    for number in range(kills):
        command = [sys.executable, "-c", _WORKER, _address(live), actor.tenant_id, *accounts]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
            assert process.stdout is not None
            told += [int(process.stdout.readline()) for _ in range(3 + number)]
            time.sleep(0.001 * number)
            process.send_signal(signal.SIGKILL)
            told += [int(line) for line in process.stdout if line.endswith("\n")]
    with live.read(actor) as scope:
        rows = scope.execute(
            select(AccountMLPrediction.id, AccountMLPrediction.account_id, AccountMLPrediction.status)
        ).all()
        noted = scope.execute(select(AuditEvent.id).where(AuditEvent.action == "prediction.made")).all()
    assert set(told) <= {row.id for row in rows}
    in_force = [row.account_id for row in rows if row.status == "ACTIVE"]
    assert len(in_force) == len(set(in_force))
    assert len(noted) == len(rows)
    later = predictions(live, lambda: NOW + timedelta(days=365))  # a claim of the dead has run out by then
    assert later.predict(actor, int(accounts[0]), force_refresh=True).id
    figure(f"{kills} kills, {len(told)} predictions told, {len(set(told) - {row.id for row in rows})} lost, 0 twice")


def _address(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def test_a_full_disk_is_an_error_and_leaves_what_was_there(live: Database, figure: Callable[[str], None]) -> None:
    actor = add_tenant(live, "acme")
    account = add_account(live, actor)
    predictions(live).predict(actor, account)
    before = count(live, actor, AccountMLPrediction), count(live, actor, AuditEvent), count(live, actor, Account)

    @event.listens_for(live.engine, "begin")
    def no_room(connection: object) -> None:
        cursor = connection.connection.cursor()  # type: ignore[attr-defined]
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")

    live.engine.dispose()
    slept: list[float] = []
    later = predictions(live, lambda: NOW + timedelta(days=40), slept.append)  # this clock stands: no claim runs out

    def refused() -> bool:
        """The answer is shown as unsaved, or the database says that it is away. Nobody waits for who has failed."""
        slept.clear()
        try:
            return "unsaved" in later.predict(actor, account, force_refresh=True).doubts
        except DatabaseAway as away:
            return "full" in str(away.__cause__)
        finally:
            assert len(slept) < TRIES

    assert any(refused() for _ in range(500))
    assert sum(refused() for _ in range(10)) >= 9  # a row may just fit
    told = count(live, actor, AccountMLPrediction)
    assert told == count(live, actor, AuditEvent)  # both rows of each transaction, or none
    slept.clear()
    event.remove(live.engine, "begin", no_room)
    live.engine.dispose()
    with live.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert later.predict(actor, account, force_refresh=True).id
    assert slept == []
    assert count(live, actor, AccountMLPrediction) == told + 1 > before[0]
    assert count(live, actor, Account) == before[2]
    figure("SQLite without room: 0 half transactions, works again when there is room")


def test_a_locked_database_is_waited_for_and_then_an_error(live: Database) -> None:
    actor = add_tenant(live, "acme")
    account = add_account(live, actor)
    with closing(sqlite3.connect(live.engine.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(predictions(live).predict, actor, account)
            time.sleep(0.3)
            assert not waiting.done()
            assert count(live, actor, Account) == 1  # readers go on
            other.execute("COMMIT")
            assert waiting.result(timeout=30).id
        other.execute("BEGIN IMMEDIATE")
        quick = Database(_address(live))
        event.listen(quick.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 100"))
        with pytest.raises(DatabaseAway) as away:
            predictions(quick).predict(actor, account, force_refresh=True)
        assert "locked" in str(away.value.__cause__)
        quick.close()
        other.execute("ROLLBACK")
    assert (count(live, actor, AccountMLPrediction), count(live, actor, PredictionClaim)) == (1, 0)


def test_a_clock_that_jumps_locks_nobody_out_and_lets_nobody_stay(database: Database) -> None:
    actor, at = add_tenant(database, "acme"), [NOW]
    account = add_account(database, actor)
    access = AccessService(database, lambda: at[0])
    sessions = SessionService(database, lambda: at[0], access, key=b"k" * 32, sleep=lambda _: None)
    person = access.add_user(actor, "ada@example.com", role=Role.MEMBER, password="violet otters juggle quietly").person
    token = sessions.redeem(sessions._ticket(person)) or ""
    service = predictions(database, lambda: at[0])
    first = service.predict(actor, account)
    at[0] = NOW - timedelta(hours=3)  # set back: what is stored lies in the future
    assert sessions.resolve(token)
    assert service.predict(actor, account, force_refresh=True).id != first.id
    at[0] = NOW + ABSOLUTE
    assert sessions.resolve(token) is None
    at[0] = NOW + timedelta(days=400)
    assert service.predict(actor, account).id
    with database.read(actor) as scope:
        states = scope.execute(select(AccountMLPrediction.status)).scalars().all()
    assert sorted(states) == ["ACTIVE", "EXPIRED", "EXPIRED"]


def test_this_release_works_on_the_schema_of_the_next(database: Database) -> None:
    """A rolling upgrade: the next release has added tables and nullable columns, and processes of this one run on."""
    actor = add_tenant(database, "acme")
    with database.migration() as connection:
        connection.execute(text('CREATE TABLE "NextThing" ("tenantId" TEXT NOT NULL, "x" INTEGER)'))
        for table in Base.metadata.tables:
            connection.execute(text(f'ALTER TABLE "{table}" ADD COLUMN "next" TEXT'))
        connection.execute(text("UPDATE \"SchemaVersion\" SET version_num = '9999'"))
    account = add_account(database, actor)
    assert predictions(database).predict(actor, account).id
    access = AccessService(database, lambda: NOW)
    person = access.add_user(actor, "ada@example.com", role=Role.MEMBER, password="violet otters juggle quietly").person
    sessions = SessionService(database, lambda: NOW, access, key=b"k" * 32, sleep=lambda _: None)
    assert sessions.resolve(sessions.redeem(sessions._ticket(person)) or "")
    assert predictions(database).predict(actor, account).cached
