"""What a crash leaves: an account that was begun is begun again after its lease, and none is answered twice."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import DatabaseAway, EngineUnavailable, NotFound
from cs_ml.domain.jobs import MOST_ATTEMPTS, MOST_WAITS, BatchRequest, Claim, Finished, Job, TaskName
from cs_ml.jobs.worker import do
from cs_ml.services.operations import work as module
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from cs_ml.store.operations.batches import BatchRepository
from cs_ml.store.tables import AccountMLPrediction, AuditEvent
from tests.services.operations.working import Working
from tests.services.predictions.predicting import ScriptedEngine, TestClock, predicting, stored
from tests.support.factories import NOW, add_account, add_tenant


class CrashError(Exception):
    """Stands for the end of a process."""


@pytest.fixture
def acme(database: Database) -> Actor:
    actor = add_tenant(database, "acme")
    for number in range(3):
        add_account(database, actor, name=f"Account {number}")
    return actor


def started(database: Database, acme: Actor, engine: ScriptedEngine) -> tuple[Working, str]:
    """A run whose jobs were sent."""
    clock = TestClock()
    work = Working(database, clock, predicting(database, clock, [engine]))
    run = work.runs.start(acme, BatchRequest(refresh=True))
    work.turn(most=1)
    return work, run.id


def busy(seconds: float) -> EngineUnavailable:
    return EngineUnavailable("Busy.", reason="rate_limited", retry_after=timedelta(seconds=seconds))


def test_an_account_under_way_waits_for_its_lease_and_is_answered_then(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine(failure=CrashError())
    work, run_id = started(database, acme, engine)
    job = work.queue.waiting[-1]
    with pytest.raises(CrashError):
        work.tasks.run(job)
    engine.failure, engine.asked = None, 0
    work.tasks.run(job)  # handed out again at once: somebody may still be at it
    assert (engine.asked, work.queue.waiting[-1].delay > timedelta(seconds=60)) == (0, True)
    work.turn()
    found = work.runs.get(acme, run_id)
    assert (found.state, found.counts.computed, engine.asked) == ("done", 3, 3)


def test_an_answer_that_was_stored_before_the_crash_is_not_asked_for_again(
    database: Database, acme: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine()
    work, run_id = started(database, acme, engine)

    def crash(*_: Any) -> None:
        raise CrashError

    with monkeypatch.context() as patched:
        patched.setattr(module.BatchWork, "_end", crash)
        with pytest.raises(CrashError):
            work.tasks.run(work.queue.waiting[-1])
    work.clock.advance(minutes=5)
    work.turn()
    found = work.runs.get(acme, run_id)
    assert (found.state, found.counts.computed, engine.asked) == ("done", 3, 3)
    assert stored(database, acme) == 3


def test_an_account_whose_database_went_away_is_tried_again_and_has_not_failed(
    database: Database, acme: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, run_id = started(database, acme, ScriptedEngine())
    job = work.queue.waiting.pop()

    def be_away(*_: Any) -> None:
        raise DatabaseAway("Away.")

    with monkeypatch.context() as patched:
        patched.setattr(PredictionService, "_save", be_away)
        patched.setattr(work.work._predictions, "_sleep", lambda seconds: work.clock.advance(seconds=seconds))
        work.tasks.run(job)
        again = work.queue.waiting[-1]
        assert (again.account_ids, again.delay >= timedelta(seconds=10)) == (job.account_ids, True)
        patched.setattr(module.BatchWork, "_end", be_away)  # it stays away: the queue keeps the job
        assert not do(work.tasks, again)
    work.clock.advance(minutes=5)
    work.turn()
    found = work.runs.get(acme, run_id)
    assert (found.state, found.counts.computed, found.errors) == ("done", 3, {})


def test_a_late_worker_cannot_end_what_another_took_over(database: Database, acme: Actor) -> None:
    work, run_id = started(database, acme, ScriptedEngine())
    account = work.queue.waiting[-1].account_ids[0]
    until, later = NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)
    with database.write(acme) as scope:
        batches = BatchRepository(scope)
        late = batches.claim(run_id, [account], now=NOW, until=until)[0]
        assert batches.claim(run_id, [account], now=NOW, until=until) == []
        new = batches.claim(run_id, [account], now=later, until=later)[0]
        assert (late.attempt, new.attempt) == (1, 2)
        assert not batches.finish(late, Finished(outcome="computed"), later)
        assert batches.finish(new, Finished(outcome="cached"), later)
        assert not batches.finish(replace(new, attempt=1), Finished(error="X"), later)
    assert work.runs.get(acme, run_id).counts.cached == 1


def test_an_account_that_always_crashes_is_given_up_and_holds_up_nobody(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine(failure=CrashError())
    work, run_id = started(database, acme, engine)
    poison = work.queue.waiting[-1]
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(CrashError):
            work.tasks.run(poison)
        work.clock.advance(minutes=5)
    engine.failure = None
    work.tasks.run(poison)
    work.turn()
    found = work.runs.get(acme, run_id)
    assert (found.state, found.counts.failed, found.counts.computed) == ("done", 1, 2)
    assert found.errors == {"GAVE_UP": 1}


def test_a_busy_model_puts_accounts_off_and_fails_none(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine(failure=busy(2))
    work, run_id = started(database, acme, engine)
    for job in [job for job in work.queue.waiting if job.task == "predict"]:
        work.queue.waiting.remove(job)
        work.tasks.run(job)
    delays = [job.delay for job in work.queue.waiting if job.task == "predict"]
    assert all(timedelta(seconds=2) <= delay < timedelta(seconds=3) for delay in delays)
    assert work.runs.get(acme, run_id).counts.left == 3
    engine.failure = None
    work.turn()
    assert work.runs.get(acme, run_id).counts.computed == 3


def test_patience_has_an_end(database: Database, acme: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    work, run_id = started(database, acme, ScriptedEngine())
    predict = work.work._predictions.predict

    def note(*args: Any, patient: bool, **named: Any) -> Any:
        asked.append(patient)
        return predict(*args, patient=patient, **named)

    monkeypatch.setattr(work.work._predictions, "predict", note)
    claim = Claim(run_id=run_id, account_id=work.queue.waiting[-1].account_ids[0], attempt=1, waits=0)
    for waits in (0, MOST_WAITS - 1, MOST_WAITS):
        work.work._answer(acme, replace(claim, waits=waits), BatchRequest(), NOW)
    assert asked == [True, True, False]


def test_a_run_that_lost_its_jobs_is_found_and_goes_on(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine()
    work, run_id = started(database, acme, engine)
    mend = next(job for job in work.queue.sent if job.task == "mend")
    work.queue.waiting.clear()
    work.tasks.run(mend)
    assert [job.task for job in work.queue.waiting] == ["mend"]  # something happened just now: it only looks again
    work.clock.advance(minutes=6)
    work.tasks.run(mend)
    work.turn()
    assert work.runs.get(acme, run_id).state == "done"
    work.queue.waiting.clear()
    work.tasks.run(mend)
    assert work.queue.waiting == []


def test_a_start_whose_process_died_is_found(database: Database, acme: Actor) -> None:
    clock = TestClock()
    work = Working(database, clock, predicting(database, clock, [ScriptedEngine()]))
    run = work.runs.start(acme, BatchRequest())
    mend, spread = work.queue.waiting
    assert (mend.task, spread.task) == ("mend", "spread")
    work.queue.waiting.clear()
    work.tasks.run(mend)
    work.turn()
    assert work.runs.get(acme, run.id).state == "done"


def test_after_a_restart_unfinished_runs_are_sent_once(database: Database, acme: Actor) -> None:
    work, run_id = started(database, acme, ScriptedEngine())
    work.queue.waiting.clear()
    seen: set[str] = set()
    work.tasks.resume(seen)
    work.tasks.resume(seen)
    assert [(job.task, job.subject) for job in work.queue.waiting] == [("spread", run_id), ("mend", run_id)]
    work.turn()
    assert work.runs.get(acme, run_id).state == "done"


def test_a_job_about_another_tenants_run_does_nothing(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine()
    work, run_id = started(database, acme, engine)
    other = add_tenant(database, "other")
    own = add_account(database, other)
    sent = len(work.queue.sent)
    for task in ("predict", "predict_chunk", "spread", "mend"):
        work.tasks.run(Job(task=task, tenant_id=other.tenant_id, subject=run_id, account_ids=(own,)))
    assert (engine.asked, len(work.queue.sent), noted(database, other)) == (0, sent, [])
    assert work.runs.get(acme, run_id).counts.left == 3


@pytest.mark.parametrize("task", ["predict", "predict_chunk"])
def test_a_job_that_names_another_tenants_account_fails_once_and_is_noted(
    database: Database, acme: Actor, task: TaskName
) -> None:
    engine = ScriptedEngine()
    work, run_id = started(database, acme, engine)
    other = add_tenant(database, "other")
    own = add_account(database, other)
    theirs = work.runs.start(other, BatchRequest(refresh=True))
    foreign = next(job for job in work.queue.waiting if job.task == "predict").account_ids[0]
    sent = len(work.queue.sent)
    for account_id in (foreign, 999_999):
        with pytest.raises(NotFound):
            work.tasks.run(Job(task=task, tenant_id=other.tenant_id, subject=theirs.id, account_ids=(account_id,)))
    assert (engine.asked, len(work.queue.sent)) == (0, sent)
    assert noted(database, other) == [("job.refused", theirs.id)] * 2
    assert do(work.tasks, Job(task=task, tenant_id=other.tenant_id, subject=theirs.id, account_ids=(foreign,)))
    work.turn()
    assert work.runs.get(acme, run_id).counts.computed == 3
    assert work.runs.get(other, theirs.id).counts.computed == 1
    with database.read(other) as scope:
        assert set(scope.execute(select(AccountMLPrediction.account_id)).scalars()) == {own}


def noted(database: Database, actor: Actor) -> list[tuple[str, str]]:
    """What the audit log tells of jobs."""
    with database.read(actor) as scope:
        found = scope.execute(
            select(AuditEvent.action, AuditEvent.entity_id).where(AuditEvent.entity_type == "BatchRun")
        )
        return [(action, entity) for action, entity in found if action.startswith("job.")]
