"""Several callers at once for one account: one computes, and all get the same row."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.predictions import PredictionType
from cs_ml.store.database import Database
from cs_ml.store.predictions import PredictionRepository
from tests.services.predictions.predicting import ScriptedEngine, TestClock, claims, predicting, stored
from tests.services.predictions.racing import Race
from tests.support.factories import NOW, add_account, add_tenant

WAIT_S = 30


def take_over(database: Database, actor: Actor, account: int, clock: TestClock) -> None:
    """Another machine claims the run, if the claim is free or has expired."""
    until = clock.now.replace(year=clock.now.year + 1)
    with database.write(actor) as scope:
        assert PredictionRepository(scope).claim(
            account, PredictionType.CHURN, 90, holder="other", now=clock.now, until=until
        )


@pytest.mark.parametrize("refresh", [False, True])
def test_two_threads_at_once_compute_once(database: Database, refresh: bool) -> None:
    """The second asks while the first one's engine thinks, later by the clock."""
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    thinking, waiting, go_on = Event(), Event(), Event()
    before = predicting(database, clock).predict(actor, account) if refresh else None

    def think() -> None:
        thinking.set()
        assert go_on.wait(WAIT_S)

    def sleep(seconds: float) -> None:
        waiting.set()
        Event().wait(seconds)

    engine = ScriptedEngine(before=think)
    service = predicting(database, clock, [engine], sleep=sleep)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(service.predict, actor, account, force_refresh=refresh)
        assert thinking.wait(WAIT_S)
        clock.advance(seconds=5)
        second = threads.submit(service.predict, actor, account, force_refresh=refresh)
        assert waiting.wait(WAIT_S)
        go_on.set()
        one, other = first.result(WAIT_S), second.result(WAIT_S)
    assert one.id == other.id
    assert before is None or one.id != before.id
    assert (one.cached, other.cached, engine.asked) == (False, True, 1)
    assert (stored(database, actor, status="ACTIVE"), stored(database, actor)) == (1, 2 if refresh else 1)
    assert claims(database, actor) == 0


def test_who_comes_between_look_and_claim_gets_the_row_too(database: Database) -> None:
    """The other one has stored and released after this caller looked, and before it claims."""
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    service = predicting(database, clock)
    done: list[int | None] = []

    class Meddling(TestClock):
        """Its third reading comes after the look at what is stored, and is that of the claim."""

        readings = 0

        def __call__(self) -> object:  # type: ignore[override]
            self.readings += 1
            if self.readings == 3:
                done.append(service.predict(actor, account).id)
            return self.now

    late = predicting(database, Meddling())  # type: ignore[arg-type]
    found = late.predict(actor, account)
    assert [found.id] == done
    assert stored(database, actor) == 1


def test_two_processes_at_once_compute_once(database: Database, database_url: str) -> None:
    """Both want a new one although one is stored."""
    actor = add_tenant(database)
    account = add_account(database, actor)
    predicting(database, lambda: NOW).predict(actor, account)
    context = multiprocessing.get_context("spawn")
    race = Race(url=database_url, actor=actor, account_id=account, start=context.Barrier(2), answers=context.Queue())
    processes = [context.Process(target=race.run) for _ in range(2)]
    for process in processes:
        process.start()
    ids = [race.answers.get(timeout=WAIT_S) for _ in processes]
    for process in processes:
        process.join(WAIT_S)
        assert process.exitcode == 0
    assert len(set(ids)) == 1
    assert (stored(database, actor, status="ACTIVE"), stored(database, actor)) == (1, 2)
    assert claims(database, actor) == 0


def test_the_claim_of_a_crashed_holder_is_taken_over_when_it_expires(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    waits: list[float] = []

    def crash() -> None:
        raise KeyboardInterrupt

    with database.write(actor) as scope:  # what a killed process leaves behind
        until = NOW.replace(minute=1)
        assert PredictionRepository(scope).claim(account, PredictionType.CHURN, 90, holder="x", now=NOW, until=until)

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds=30)

    found = predicting(database, clock, sleep=sleep).predict(actor, account)
    assert (len(waits), found.predicted_at) == (2, until)
    assert (stored(database, actor), claims(database, actor)) == (1, 0)
    with pytest.raises(KeyboardInterrupt):
        predicting(database, clock, [ScriptedEngine(before=crash)]).predict(actor, account, force_refresh=True)
    assert claims(database, actor) == 0


def test_a_holder_who_was_too_slow_does_not_overwrite(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    quick: list[int | None] = []

    def too_slow() -> None:
        clock.advance(seconds=61)
        quick.append(predicting(database, clock).predict(actor, account).id)

    slow = predicting(database, clock, [ScriptedEngine(before=too_slow)], sleep=lambda _: None)
    found = slow.predict(actor, account)
    assert ([found.id], found.cached) == (quick, True)
    assert (stored(database, actor), claims(database, actor)) == (1, 0)


def test_a_holder_who_was_too_slow_waits_for_the_one_who_took_over(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    waits: list[float] = []

    def too_slow() -> None:
        if not waits:
            clock.advance(seconds=61)
            take_over(database, actor, account, clock)

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:  # the other machine has died
            clock.advance(days=366)

    engine = ScriptedEngine(before=too_slow)
    found = predicting(database, clock, [engine], sleep=sleep).predict(actor, account)
    assert (len(waits), engine.asked, found.predicted_at) == (3, 2, clock.now)
    assert (stored(database, actor), claims(database, actor)) == (1, 0)
