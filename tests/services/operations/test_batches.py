"""A batch as people see it: what it would do, that it is done once, stopped, gone on with, and counted right."""

from datetime import timedelta

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Forbidden, Invalid, NotFound, RateLimited
from cs_ml.domain.jobs import CHUNK, BatchFilter, BatchRequest
from cs_ml.domain.predictions import PredictionType
from cs_ml.store.database import Database
from tests.services.operations.working import Working, limited
from tests.services.predictions.predicting import ScriptedEngine, TestClock, predicting, stored, unavailable
from tests.support.factories import add_account, add_prediction, add_tenant, add_user


@pytest.fixture
def acme(database: Database) -> Actor:
    actor = add_tenant(database, "acme")
    for number in range(12):
        add_account(database, actor, name=f"Account {number}")
    return actor


def working(database: Database, per_day: int = 5, engine: ScriptedEngine | None = None) -> Working:
    clock = TestClock()
    engines = [engine] if engine else None
    predictions = predicting(database, clock, engines) if engines else predicting(database, clock)
    return Working(database, clock, predictions, per_day=per_day)


def test_every_account_gets_one_prediction_and_the_run_ends_done(database: Database, acme: Actor) -> None:
    work = working(database)
    run = work.runs.start(acme, BatchRequest())
    assert (run.state, run.counts.total, run.counts.left) == ("running", 12, 12)
    work.turn()
    run = work.runs.get(acme, run.id)
    assert (run.state, run.counts.computed, run.counts.left, run.counts.done) == ("done", 12, 0, 12)
    assert run.finished_at is not None
    assert stored(database, acme, status="ACTIVE", origin="batch") == 12


def test_one_job_per_account_where_a_model_is_asked_and_one_for_many_without(database: Database, acme: Actor) -> None:
    with_model, without = working(database, engine=ScriptedEngine()), working(database)
    with_model.runs.start(acme, BatchRequest(most=3))
    without.runs.start(acme, BatchRequest(most=4))
    for work in (with_model, without):
        work.turn(most=1)
    assert [job.task for job in with_model.queue.sent[2:]] == ["predict"] * 3
    assert [(job.task, len(job.account_ids)) for job in without.queue.sent[2:]] == [("predict_chunk", 4)]
    assert CHUNK >= 12


def test_a_second_start_is_the_same_run_until_it_has_ended(database: Database, acme: Actor) -> None:
    work = working(database)
    first = work.runs.start(acme, BatchRequest())
    assert work.runs.start(acme, BatchRequest()).id == first.id
    assert work.runs.start(acme, BatchRequest(filter=BatchFilter.HIGH_VALUE)).id != first.id
    work.turn()
    assert work.runs.start(acme, BatchRequest()).id != first.id


def test_a_key_stays_the_same_run_for_ever(database: Database, acme: Actor) -> None:
    work = working(database)
    first = work.runs.start(acme, BatchRequest(), key="night")
    work.turn()
    assert work.runs.start(acme, BatchRequest(), key="night").id == first.id
    assert stored(database, acme) == 12


@pytest.mark.parametrize("refresh", [False, True])
def test_valid_predictions_are_kept_unless_asked(database: Database, acme: Actor, refresh: bool) -> None:
    work = working(database, engine=ScriptedEngine())
    kept = add_account(database, acme, name="Kept")
    add_prediction(database, acme, kept, engine="llm")
    plan = work.runs.plan(acme, BatchRequest(refresh=refresh))
    run = work.runs.start(acme, BatchRequest(refresh=refresh))
    work.turn()
    counts = work.runs.get(acme, run.id).counts
    assert (plan.accounts, plan.compute) == (13, 13 if refresh else 12)
    assert (counts.computed, counts.cached) == ((13, 0) if refresh else (12, 1))
    assert stored(database, acme, status="ACTIVE") == 13


def test_cancel_begins_nothing_more_and_keeps_what_is_done(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine()
    work = working(database, engine=engine)
    run = work.runs.start(acme, BatchRequest())
    work.turn(most=1 + 5)
    stopped = work.runs.cancel(acme, run.id)
    work.turn()
    assert (stopped.state, stopped.counts.done, stopped.counts.cancelled) == ("cancelled", 5, 7)
    assert (engine.asked, stored(database, acme)) == (5, 5)
    assert work.runs.cancel(acme, run.id) == stopped


def test_a_cancelled_run_goes_on_where_it_stopped(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine()
    work = working(database, engine=engine)
    run = work.runs.start(acme, BatchRequest())
    work.turn(most=1 + 5)
    work.runs.cancel(acme, run.id)
    assert work.runs.resume(acme, run.id).state == "running"
    work.turn()
    found = work.runs.get(acme, run.id)
    assert (found.state, found.counts.computed, engine.asked) == ("done", 12, 12)
    with pytest.raises(Invalid, match="cancelled"):
        work.runs.resume(acme, run.id)


def test_failed_accounts_are_counted_and_tried_again(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine(failure=unavailable())
    work = working(database, engine=engine)
    run = work.runs.start(acme, BatchRequest(most=3))
    work.turn()
    failed = work.runs.get(acme, run.id)
    assert (failed.state, failed.counts.failed, failed.errors) == ("done", 3, {"ML_UNAVAILABLE": 3})
    engine.failure = None
    work.runs.retry_failed(acme, run.id)
    work.turn()
    again = work.runs.get(acme, run.id)
    assert (again.state, again.counts.failed, again.counts.computed, again.errors) == ("done", 0, 3, {})
    with pytest.raises(Invalid, match="failed"):
        work.runs.retry_failed(acme, run.id)


def test_jobs_that_come_twice_change_nothing(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine()
    work = working(database, engine=engine)
    run = work.runs.start(acme, BatchRequest())
    work.turn()
    work.queue.submit([job for job in work.queue.sent if job.task != "mend"])
    work.turn()
    assert (engine.asked, stored(database, acme)) == (12, 12)
    assert work.runs.get(acme, run.id).counts.computed == 12


def test_the_day_has_so_many_batches_and_schedules_do_not_count(database: Database, acme: Actor) -> None:
    work = working(database, per_day=1)
    work.runs.start(acme, BatchRequest(), key="night")
    assert work.runs.plan(acme, BatchRequest()).left_today == 1
    work.runs.start(acme, BatchRequest(most=1))
    assert work.runs.start(acme, BatchRequest(most=1)).counts.total == 1  # the same run, no second one
    with pytest.raises(RateLimited, match="All batches of today") as refused:
        work.runs.start(acme, BatchRequest(most=2))
    assert timedelta(0) < refused.value.retry_after <= timedelta(days=1)
    work.clock.advance(days=1)
    assert work.runs.start(acme, BatchRequest(most=2)).counts.total == 2


def test_batches_leave_the_single_predictions_of_the_day_alone(database: Database, acme: Actor) -> None:
    clock = TestClock()
    work = Working(database, clock, predicting(database, clock, [ScriptedEngine()], limit=0))
    run = work.runs.start(acme, BatchRequest())
    work.turn()
    assert work.runs.get(acme, run.id).counts.computed == 12


def test_what_cannot_be_done_is_refused(database: Database, acme: Actor) -> None:
    work = working(database)
    for request in (BatchRequest(most=0), BatchRequest(window_days=3), BatchRequest(type=PredictionType.EXPANSION)):
        with pytest.raises(Invalid):
            work.runs.start(acme, request)
    with pytest.raises(Invalid, match="nothing to predict"):
        work.runs.start(acme, BatchRequest(filter=BatchFilter.AT_RISK))
    assert work.runs.list(acme) == []
    assert [job.task for job in work.queue.sent] == []


def test_who_owns_few_accounts_predicts_those_and_sees_own_runs_only(database: Database, acme: Actor) -> None:
    work = working(database)
    user = add_user(database)
    add_account(database, acme, name="Mine", owner_id=user)
    member = limited(acme, user)
    everybody = work.runs.start(acme, BatchRequest())
    own = work.runs.start(member, BatchRequest())
    work.turn()
    assert (own.counts.total, work.runs.get(member, own.id).counts.total) == (1, 1)
    assert [run.id for run in work.runs.list(member)] == [own.id]
    assert {run.id for run in work.runs.list(acme)} == {own.id, everybody.id}
    for ask in (work.runs.get, work.runs.cancel, work.runs.retry_failed, work.runs.resume):
        with pytest.raises(NotFound):
            ask(member, everybody.id)
    colleagues = add_account(database, acme)
    with pytest.raises(NotFound):
        work.runs.start(member, BatchRequest(), account_ids=[colleagues])
    viewer = Actor(tenant_id=acme.tenant_id, role=member.role.__class__.VIEWER, user_id=user)
    with pytest.raises(Forbidden):
        work.runs.start(viewer, BatchRequest())
