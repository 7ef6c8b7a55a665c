"""A group of accounts when something goes wrong: crashes, a cancel, a stop, a database that is away, a budget."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import DatabaseAway
from cs_ml.domain.jobs import MOST_ATTEMPTS
from cs_ml.domain.predictions import PredictionType
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.operations import groups as module
from cs_ml.store.database import Database
from cs_ml.store.predictions import PredictionRepository
from tests.llm.server import running_server
from tests.services.llm.faulty import GOOD
from tests.services.llm.modelled import events, modelled
from tests.services.operations.grouping import Sometimes, begun, twelve, working
from tests.services.operations.working import Working
from tests.services.predictions.predicting import (
    ScriptedEngine,
    TestClock,
    do_nothing,
    stored,
)

PATIENCE_S = 20


class CrashError(Exception):
    """A fault of ours."""


@pytest.fixture
def acme(database: Database) -> Actor:
    return twelve(database)


def test_a_crash_of_one_account_holds_up_no_other_and_is_given_up_alone(database: Database, acme: Actor) -> None:
    sometimes = Sometimes(ScriptedEngine(), {})
    work = working(database, sometimes)
    run_id, jobs = begun(work, acme)
    poison = jobs[0].account_ids[0]
    sometimes.failing[poison] = [CrashError() for _ in range(100)]
    work.queue.waiting.remove(jobs[0])
    with pytest.raises(CrashError):
        work.tasks.run(jobs[0])
    work.turn()
    assert work.runs.get(acme, run_id).counts.done == 11
    work.clock.advance(minutes=5)
    work.tasks.run(jobs[0])  # handed out again: what crashed goes alone now
    alone = work.queue.waiting.pop()
    assert (alone.task, alone.account_ids) == ("predict", (poison,))
    for _ in range(MOST_ATTEMPTS - 1):
        with pytest.raises(CrashError):
            work.tasks.run(alone)
        work.clock.advance(minutes=5)
    work.tasks.run(alone)
    found = work.runs.get(acme, run_id)
    assert (found.state, found.counts.computed, found.errors) == ("done", 11, {"GAVE_UP": 1})


def test_an_account_that_somebody_is_at_becomes_a_job_of_its_own(database: Database, acme: Actor) -> None:
    work = working(database, engine := ScriptedEngine())
    run_id, jobs = begun(work, acme)
    click, now = jobs[0].account_ids[2], work.clock.now
    with database.write(acme) as scope:
        key = (click, PredictionType.CHURN, 90)
        assert PredictionRepository(scope).claim(*key, holder="click", now=now, until=now + timedelta(seconds=30))
    work.queue.waiting.remove(jobs[0])
    work.tasks.run(jobs[0])
    assert (engine.asked, work.queue.waiting[-1].account_ids) == (4, (click,))
    with database.write(acme) as scope:
        PredictionRepository(scope).release("click")
    work.turn()
    assert work.runs.get(acme, run_id).counts.computed == 12


def test_after_a_cancel_nothing_more_of_a_group_is_begun(
    database: Database, acme: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One lane, so the other accounts of the group wait for it."""
    asked, go_on = Event(), Event()

    def hold() -> None:
        asked.set()
        assert go_on.wait(PATIENCE_S)

    work = working(database, engine := ScriptedEngine(before=hold), group=12)
    run_id, jobs = begun(work, acme)
    futures, do = list[Any](), work.groups.lanes.do

    def note(task: Any) -> Any:
        futures.append(do(task))
        return futures[-1]

    monkeypatch.setattr(work.groups.lanes, "do", note)
    with work.groups.lanes.opened(1):
        thread = Thread(target=work.tasks.run, args=(jobs[0],))
        thread.start()
        assert asked.wait(PATIENCE_S)
        work.runs.cancel(acme, run_id)
        work.clock.advance(seconds=2)
        _until(lambda: [one.cancelled() for one in futures] == [False] + [True] * 11)
        go_on.set()
        thread.join(PATIENCE_S)
    found = work.runs.get(acme, run_id)
    assert (found.state, found.counts.computed, found.counts.cancelled, engine.asked) == ("cancelled", 1, 11, 1)


def test_a_worker_that_stops_hands_back_what_it_has_not_begun(database: Database, acme: Actor) -> None:
    work = working(database, engine := ScriptedEngine())
    run_id, jobs = begun(work, acme)
    with work.groups.lanes.opened(1):
        work.groups.lanes.stop()
        work.queue.waiting.remove(jobs[0])
        work.tasks.run(jobs[0])
    assert (engine.asked, set(work.queue.waiting[-1].account_ids)) == (0, set(jobs[0].account_ids))
    work.groups.lanes._threads = None  # begun anew
    work.turn()
    assert work.runs.get(acme, run_id).counts.computed == 12


def test_answers_outlive_a_database_that_is_away_for_a_moment(
    database: Database, acme: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = working(database, engine := ScriptedEngine(), group=12)
    run_id, jobs = begun(work, acme)
    away, waited, end = [DatabaseAway("Away.")] * 2, list[float](), module._end

    def sometimes(*given: Any) -> Any:
        if away:
            raise away.pop()
        return end(*given)

    monkeypatch.setattr(module, "_end", sometimes)
    monkeypatch.setattr(work.groups, "_sleep", waited.append)
    work.tasks.run(jobs[0])
    assert (work.runs.get(acme, run_id).counts.computed, engine.asked, len(waited)) == (12, 12, 2)


def test_who_lost_its_accounts_stores_nothing(database: Database, acme: Actor) -> None:
    """Its lease ran out while it was asking, and another attempt began and ended."""
    work = working(database, engine := ScriptedEngine(), group=12)
    run_id, jobs = begun(work, acme, refresh=True)

    def be_late() -> None:
        engine.before = do_nothing
        work.clock.advance(minutes=5)
        for account in jobs[0].account_ids:
            work.work.predict(acme, run_id, account)

    engine.before = be_late
    work.tasks.run(jobs[0])
    assert (work.runs.get(acme, run_id).counts.computed, engine.asked) == (12, 24)
    assert stored(database, acme) == 12


@pytest.mark.parametrize(("budget", "computed"), [(None, 12), ("5", 12), ("0", 0)])
def test_calls_of_a_group_are_booked_within_the_budget(
    database: Database, acme: Actor, budget: str | None, computed: int
) -> None:
    clock = TestClock()
    if budget is not None:
        TenantSettingsService(database, clock).set(acme, "llm_budget_usd_month", budget)
    with running_server() as server, modelled(database, server.url, clock) as predictions:
        server.script(GOOD)
        work = Working(database, clock, predictions, group=5)
        run_id, jobs = begun(work, acme)
        with work.groups.lanes.opened(4):
            work.turn()
        counts = work.runs.get(acme, run_id).counts
        asked = len(server.requests)
    books = events(database, acme)
    accounts = {str(account) for job in jobs for account in job.account_ids}
    assert (counts.computed, counts.fallback, asked) == (computed, 12 - computed, computed)
    assert counts.cost == sum(cost for *_, cost in books)
    assert {account for _, _, account, _ in books} == (accounts if computed else set())
    assert {(good, error) for good, error, *_ in books} <= {(True, None)}  # and nothing stays reserved


def _until(condition: Callable[[], bool]) -> None:
    end = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < end
        sleep(0.02)
