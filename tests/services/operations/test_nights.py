"""Schedules: each may run again without harm, says when it last succeeded, and does what it says."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.domain.jobs import Schedule, ScheduleState
from cs_ml.domain.llm.usage import Attempt, TokenUsage
from cs_ml.jobs.worker import is_due
from cs_ml.services.llm.usage import UsageService
from cs_ml.services.operations.batches import BatchLimit
from cs_ml.services.operations.monitoring import MonitoringService
from cs_ml.services.operations.schedules import ScheduleService
from cs_ml.services.operations.upkeep import UpkeepService
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.store.database import Database
from cs_ml.store.tables import CTA, AuditEvent
from tests.services.operations.working import Working, limited
from tests.services.predictions.predicting import ScriptedEngine, TestClock, predicting, stored
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_cta,
    add_fact,
    add_prediction,
    add_tenant,
    add_user,
)


@pytest.fixture
def acme(database: Database) -> Actor:
    return add_tenant(database, "acme")


def night(database: Database, *, model: bool = False, limit: int = 100) -> tuple[Working, UpkeepService]:
    clock, engines = TestClock(), [ScriptedEngine()]
    predictions = predicting(database, clock, engines) if model else predicting(database, clock)
    work = Working(database, clock, predictions)
    upkeep = UpkeepService(database, clock, work.runs, work.portfolio, predictions, limit=PredictionLimit(limit))
    return work, upkeep


def moved(database: Database, acme: Actor) -> list[int]:
    """Six accounts in the order in which a night should take them: high value, then most changed; two are calm."""
    accounts = [add_account(database, acme, name=f"Account {number}") for number in range(8)]
    revenue = [900, 5, 5, 5, 5, 5, 800, 5]
    facts = [1, 4, 2, 0, 0, 3, 0, 1]
    for account, arr, new in zip(accounts, revenue, facts, strict=True):
        add_fact(database, acme, account, arr=arr, valid_from=NOW - timedelta(days=90))
        if account != accounts[6]:
            add_prediction(database, acme, account, engine="llm", as_of=NOW - timedelta(days=5))
        for hours in range(new):
            add_activity(database, acme, account, completed_at=NOW - timedelta(hours=hours + 1))
    return [accounts[number] for number in (0, 6, 1, 5, 2, 7)]


def test_a_night_predicts_what_moved_high_value_first_and_once(database: Database, acme: Actor) -> None:
    expected = moved(database, acme)
    work, upkeep = night(database, model=True)
    run = upkeep.predict_moved(acme)
    assert run is not None
    work.turn(most=1)
    assert [job.account_ids[0] for job in work.queue.waiting if job.task == "predict"] == expected
    again = upkeep.predict_moved(acme)
    assert again is not None
    assert again.id == run.id
    work.turn()
    assert work.runs.get(acme, run.id).counts.computed == 6
    assert stored(database, acme, origin="batch") == 6


def test_where_a_model_is_asked_a_night_takes_no_more_than_a_day_may(database: Database, acme: Actor) -> None:
    expected = moved(database, acme)
    for model, total in ((False, len(expected)), (True, 2)):
        work, upkeep = night(database, model=model, limit=2)
        work.clock.advance(days=model)
        run = upkeep.predict_moved(acme)
        assert run is not None
        assert run.counts.total == total
        work.runs.cancel(acme, run.id)


def test_a_quiet_night_starts_nothing(database: Database, acme: Actor) -> None:
    add_prediction(database, acme, add_account(database, acme), engine="llm")
    work, upkeep = night(database)
    assert upkeep.predict_moved(acme) is None
    assert work.runs.list(acme) == []


def test_old_predictions_end_and_old_batches_keep_their_counts_alone(database: Database, acme: Actor) -> None:
    old, young = add_account(database, acme), add_account(database, acme)
    add_prediction(database, acme, old, valid_until=NOW - timedelta(days=1))
    add_prediction(database, acme, young, valid_until=NOW + timedelta(days=1))
    work, upkeep = night(database)
    run = upkeep.predict_moved(acme)
    assert run is not None
    work.turn()
    add_prediction(database, acme, old, valid_until=NOW - timedelta(days=1))
    assert (upkeep.expire(acme), upkeep.expire(acme)) == (1, 0)
    counts = work.runs.get(acme, run.id).counts
    work.clock.advance(days=31)
    upkeep.expire(acme)
    assert work.runs.get(acme, run.id).counts == counts
    with pytest.raises(Invalid):
        work.runs.retry_failed(acme, run.id)


def test_the_schedule_wakes_each_cta_once_and_the_audit_names_the_product(database: Database, acme: Actor) -> None:
    account = add_account(database, acme)
    asleep = add_cta(database, acme, account, status="SNOOZED", snooze_until=NOW + timedelta(days=1))
    over = add_cta(database, acme, account, status="SNOOZED", snooze_until=NOW)
    stranger = add_tenant(database)
    add_cta(database, stranger, add_account(database, stranger), status="SNOOZED", snooze_until=NOW)
    work, upkeep = night(database)
    schedules = ScheduleService(
        database, work.clock, [Schedule(name="snooze", cron="*/15 * * * *", says="Wakes.", do=upkeep.wake_snoozed)]
    )
    person = replace(acme, user_id=add_user(database))
    for _ in range(2):
        schedules.run(person, "snooze")
    assert schedules.states(acme)[0].succeeded_at == NOW
    with database.read(acme) as scope:
        found = scope.execute(select(CTA.id, CTA.status, CTA.snooze_until)).all()
        noted = scope.execute(
            select(AuditEvent.action, AuditEvent.entity_id, AuditEvent.user_id, AuditEvent.source)
        ).all()
    assert {(row.id, row.status, row.snooze_until) for row in found} == {
        (asleep, "SNOOZED", NOW + timedelta(days=1)),
        (over, "OPEN", None),
    }
    assert [tuple(row) for row in noted] == [("cta.woken", str(over), None, "product")]
    with pytest.raises(Forbidden):
        upkeep.wake_snoozed(limited(acme, add_user(database)))


def attempt(days_ago: int, cost: str | None, *, success: bool = True) -> Attempt:
    return Attempt(
        operation="churn-prediction",
        model="m",
        usage=TokenUsage(prompt=100, completion=10),
        latency_ms=100 * (days_ago + 1),
        success=success,
        error_type=None,
        cost=None if cost is None else Decimal(cost),
        price_version="1",
        created_at=NOW - timedelta(days=days_ago),
    )


def test_usage_is_the_same_added_up_by_night_or_not(database: Database, acme: Actor) -> None:
    usage = UsageService(database, lambda: NOW)
    attempts = [attempt(0, "0.5"), attempt(1, "0.25"), attempt(1, None), attempt(3, "1", success=False)]
    usage.settle(acme, attempts, account_id=None, reservation=None)
    monitoring = MonitoringService(database, lambda: NOW, limit=PredictionLimit(3), batch_limit=BatchLimit(2))
    _, upkeep = night(database)
    before = monitoring.overview(acme, 30)
    assert (upkeep.roll_up_usage(acme), upkeep.roll_up_usage(acme)) == (2, 1)
    after = monitoring.overview(acme, 30)
    assert after == before
    assert [(each.day, each.attempts, each.failed, each.cost, each.unknown_cost) for each in after.usage] == [
        (date(2026, 6, 27), 1, 1, Decimal(1), 0),
        (date(2026, 6, 29), 2, 0, Decimal("0.25"), 1),
        (date(2026, 6, 30), 1, 0, Decimal("0.5"), 0),
    ]
    assert [each.day for each in monitoring.overview(acme, 2).usage] == [date(2026, 6, 29), date(2026, 6, 30)]
    figures = after.figures
    assert (figures.calls.part, figures.calls.n, figures.usual_ms, figures.slow_ms) == (3, 4, 200, 200)
    assert (after.predictions_left, after.batches_left) == (3, 2)


def test_key_figures_count_what_they_say(database: Database, acme: Actor) -> None:
    account = add_account(database, acme)
    add_prediction(database, acme, account, fallback_reason="timeout", predicted_at=NOW, origin="single")
    add_prediction(
        database, acme, account, predicted_at=NOW, origin="batch", was_accurate=True, validated_at=NOW, status="EXPIRED"
    )
    add_prediction(database, acme, account, predicted_at=NOW - timedelta(days=200), was_accurate=False)
    add_prediction(database, acme, account, predicted_at=NOW, origin="replay", fallback_reason="timeout")
    monitoring = MonitoringService(database, lambda: NOW, limit=PredictionLimit(3), batch_limit=BatchLimit(2))
    found = monitoring.overview(acme, 7)
    assert (found.figures.predictions, dict(found.figures.fallbacks)) == (2, {"timeout": 1})
    assert (found.figures.accurate.part, found.figures.accurate.n, found.figures.calls.value) == (1, 1, None)
    assert found.newest["Predictions"] == NOW
    with pytest.raises(Forbidden):
        monitoring.overview(limited(acme, add_user(database)), 7)


def test_a_schedule_says_when_it_last_succeeded(database: Database, acme: Actor) -> None:
    ran: list[str] = []

    def fails(_actor: Actor) -> None:
        raise Invalid("No.", code="BROKEN")

    schedules = [
        Schedule(name="good", cron="0 0 * * *", says="Good.", do=lambda actor: ran.append(actor.tenant_id)),
        Schedule(name="bad", cron="0 0 * * *", says="Bad.", do=fails),
    ]
    clock = TestClock()
    work = Working(database, clock, predicting(database, clock), schedules=schedules)
    assert [state.succeeded_at for state in work.schedules.states(acme)] == [None, None]
    work.tasks.schedule("good")
    work.turn()
    with pytest.raises(Invalid):
        work.schedules.run(acme, "bad")
    good, bad = work.schedules.states(acme)
    assert (ran, good.succeeded_at, good.error) == ([acme.tenant_id], NOW, None)
    assert (bad.started_at, bad.succeeded_at, bad.error) == (NOW, None, "BROKEN")
    with pytest.raises(NotFound, match="good, bad"):
        work.schedules.run(acme, "ugly")
    with pytest.raises(Forbidden):
        work.schedules.run(limited(acme, add_user(database)), "good")


@pytest.mark.parametrize(
    ("last", "hours", "due"),
    [(None, 1, False), (None, 13, True), (NOW, 11, False), (NOW, 13, True), (NOW - timedelta(days=3), 0, True)],
)
def test_a_schedule_is_due_once_its_instant_has_passed(last: object, hours: int, due: bool) -> None:
    """NOW is noon; the schedule's instant is midnight. One that slept through it is due at once."""
    state = ScheduleState(
        name="night",
        cron="0 0 * * *",
        says="",
        started_at=last,  # type: ignore[arg-type]
        succeeded_at=None,
        error=None,
    )
    assert is_due(state, NOW, NOW + timedelta(hours=hours)) is due
