"""One prediction: computed, served while valid, superseded, limited, and what a replay never does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import EngineUnavailable, Forbidden, Invalid, NotFound, RateLimited
from cs_ml.domain.policy import Bands, RiskBand, Urgency
from cs_ml.domain.predictions import PredictionStatus, PredictionType
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.store.database import Database
from tests.services.counting import statements
from tests.services.predictions.predicting import (
    RULES,
    ScriptedEngine,
    TestClock,
    batching,
    claims,
    predicting,
    stored,
    unavailable,
)
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_cta,
    add_fact,
    add_health,
    add_opportunity,
    add_prediction,
    add_tenant,
    add_user,
)


def limit(database: Database, actor: Actor, key: str, value: str) -> None:
    TenantSettingsService(database, lambda: NOW).set(actor, key, value)


def test_the_stored_prediction_is_served_until_30_days_have_passed(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    service = predicting(database, clock)
    first = service.predict(actor, account)
    assert (first.cached, first.status, first.origin, first.predicted_at) == (False, "ACTIVE", "single", NOW)
    assert first.valid_until == NOW + timedelta(days=30)
    clock.advance(days=29, hours=23, minutes=59, seconds=59)
    served = service.predict(actor, account)
    assert (served.id, served.cached, served.probability) == (first.id, True, first.probability)
    clock.advance(seconds=1)
    second = service.predict(actor, account)
    assert (second.cached, second.id != first.id) == (False, True)
    assert stored(database, actor) == 2


def test_a_served_prediction_counts_the_facts_that_came_since(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    service = predicting(database, clock)
    add_activity(database, actor, account)
    assert service.predict(actor, account).new_facts_since == 0
    later = NOW + timedelta(hours=1)
    add_activity(database, actor, account, completed_at=later)
    add_activity(database, actor, account, completed_at=None, scheduled_at=later, status="PLANNED")
    add_health(database, actor, account, calculated_at=later)
    add_cta(database, actor, account, created_at=NOW - timedelta(days=9), completed_at=later, status="COMPLETED")
    add_opportunity(database, actor, account, created_at=later, actual_close_date=later)
    add_fact(database, actor, account, valid_from=later)
    add_activity(database, actor, account, completed_at=NOW + timedelta(days=5))
    clock.advance(hours=1)
    assert service.predict(actor, account).new_facts_since == 5


def test_a_cached_prediction_takes_three_statements_at_most(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    service = predicting(database, TestClock())
    service.predict(actor, account)
    with statements(database) as asked:
        assert service.predict(actor, account).cached
    assert len(asked) <= 3


def test_a_refresh_supersedes_and_keeps_the_one_before(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    service = predicting(database, clock)
    first, other_window = service.predict(actor, account), service.predict(actor, account, window_days=30)
    clock.advance(days=1)
    second = service.predict(actor, account, force_refresh=True)
    assert not second.cached
    history = service.list(actor, account)
    assert [(one.id, one.status) for one in history] == [
        (second.id, "ACTIVE"),
        (other_window.id, "ACTIVE"),
        (first.id, "EXPIRED"),
    ]
    assert [one.id for one in service.list(actor, account, include_expired=False)] == [second.id, other_window.id]
    clock.advance(days=29, hours=1)
    assert [one.id for one in service.list(actor, account, include_expired=False)] == [second.id]
    assert service.list(actor, account, PredictionType.EXPANSION) == []
    assert len(service.list(actor, account, PredictionType.CHURN)) == 3


@pytest.mark.parametrize("window", [29, 366, 0, -90])
def test_the_window_is_30_to_365_days(database: Database, window: int) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    with pytest.raises(Invalid) as refused:
        predicting(database, TestClock()).predict(actor, account, window_days=window)
    assert refused.value.fields == {"window": "30 to 365 days"}


def test_a_longer_window_is_a_prediction_of_its_own(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    service = predicting(database, TestClock())
    found = [service.predict(actor, account, window_days=window) for window in (30, 90, 365)]
    assert sorted(one.probability for one in found) == [one.probability for one in found]
    assert [one.window_days for one in found] == [30, 90, 365]
    assert len({one.id for one in found}) == 3


@pytest.mark.parametrize("kind", [PredictionType.EXPANSION, PredictionType.ENGAGEMENT_DECLINE])
def test_what_no_engine_answers_is_refused(database: Database, kind: PredictionType) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    with pytest.raises(Invalid) as refused:
        predicting(database, TestClock()).predict(actor, account, kind)
    assert refused.value.code == "INVALID_PREDICTION_TYPE"


def test_a_replay_is_neither_stored_nor_served(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    service = predicting(database, clock)
    add_activity(database, actor, account)
    now = service.predict(actor, account)
    as_of = NOW - timedelta(days=40)
    replay = service.predict(actor, account, as_of=as_of)
    assert (replay.id, replay.cached, replay.origin, replay.status) == (None, False, "replay", PredictionStatus.EXPIRED)
    assert (replay.as_of, replay.new_facts_since) == (as_of, 0)
    assert stored(database, actor) == 1
    assert service.predict(actor, account).id == now.id
    assert service.predict(actor, account, as_of=NOW + timedelta(hours=3)).id == now.id


def test_a_viewer_reads_what_is_stored_and_computes_nothing(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    viewer = Actor(tenant_id=actor.tenant_id, role=Role.VIEWER, user_id=actor.user_id)
    service = predicting(database, TestClock())
    with pytest.raises(Forbidden):
        service.predict(viewer, account)
    first = service.predict(actor, account)
    assert service.predict(viewer, account).id == first.id
    refused: list[dict[str, Any]] = [{"force_refresh": True}, {"as_of": NOW - timedelta(days=1)}, {"window_days": 60}]
    for asked in refused:
        with pytest.raises(Forbidden):
            service.predict(viewer, account, **asked)
    assert [one.id for one in service.list(viewer, account)] == [first.id]


def test_an_account_that_is_not_ours_does_not_exist(database: Database) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    account = add_account(database, theirs)
    service = predicting(database, TestClock())
    service.predict(theirs, account)
    for as_of in (None, NOW - timedelta(days=5)):
        with pytest.raises(NotFound):
            service.predict(mine, account, as_of=as_of)
    assert service.list(mine, account) == []
    assert claims(database, mine) == 0


def test_band_and_urgency_follow_the_tenant(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    service = predicting(database, TestClock())
    assert service.predict(actor, account).band is RiskBand.LOW
    limit(database, actor, "bands", "0.04,0.03,0.02")
    found = service.predict(actor, account, force_refresh=True)
    assert (found.band, found.urgency) == (RiskBand.CRITICAL, Urgency.IMMEDIATE)
    assert Bands().of(found.probability) is RiskBand.LOW


def test_the_daily_limit_resets_at_the_midnight_of_the_tenant(database: Database) -> None:
    actor = add_tenant(database)
    first, second, third = (add_account(database, actor) for _ in range(3))
    clock = TestClock(datetime(2026, 6, 30, 23, 30, tzinfo=UTC))
    service = predicting(database, clock)
    limit(database, actor, "zone", "Asia/Tokyo")
    limit(database, actor, "limit_predictions_per_day", "2")
    one = service.predict(actor, first)
    service.predict(actor, second)
    with pytest.raises(RateLimited, match=r"All 2 .* resets at 2026-07-01 15:00 UTC") as limited:
        service.predict(actor, third)
    assert limited.value.retry_after == timedelta(hours=15, minutes=30)
    assert claims(database, actor) == 0
    assert service.predict(actor, first).id == one.id
    with pytest.raises(RateLimited):
        service.predict(actor, first, force_refresh=True)
    assert service.predict(actor, third, as_of=NOW - timedelta(days=9)).id is None
    clock.now = datetime(2026, 7, 1, 14, 59, 59, tzinfo=UTC)
    with pytest.raises(RateLimited):
        service.predict(actor, third)
    clock.advance(seconds=1)
    assert not service.predict(actor, third).cached


def test_batches_and_other_tenants_leave_the_limit_alone(database: Database) -> None:
    actor, other = add_tenant(database), add_tenant(database)
    account = add_account(database, actor)
    clock = TestClock()
    service = predicting(database, clock, limit=1)
    add_prediction(database, other, add_account(database, other))
    assert batching(database, clock).predict_missing(actor) == {"low": 1}
    assert not service.predict(actor, account, force_refresh=True).cached
    with pytest.raises(RateLimited):
        service.predict(actor, account, force_refresh=True)


def test_the_limit_is_the_tenants_for_those_who_see_little_too(database: Database) -> None:
    owner, user = add_tenant(database), add_user(database)
    limited = Actor(tenant_id=owner.tenant_id, role=Role.MEMBER, user_id=user, scope="owned")
    account, own = add_account(database, owner), add_account(database, owner, owner_id=user)
    service = predicting(database, TestClock(), limit=1)
    service.predict(owner, account)
    with pytest.raises(RateLimited):
        service.predict(limited, own)


def test_an_error_leaves_nothing_half_written(database: Database) -> None:
    actor = add_tenant(database)
    account, engine = add_account(database, actor), ScriptedEngine(failure=ZeroDivisionError())
    service = predicting(database, TestClock(), [engine])
    with pytest.raises(ZeroDivisionError):
        service.predict(actor, account)
    assert (stored(database, actor), claims(database, actor)) == (0, 0)
    engine.failure = unavailable()
    with pytest.raises(EngineUnavailable):
        service.predict(actor, account)
    assert (stored(database, actor), claims(database, actor)) == (0, 0)
    engine.failure = None
    assert service.predict(actor, account).id is not None
    assert claims(database, actor) == 0


def test_a_fallback_says_why_and_holds_for_15_minutes(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    model = ScriptedEngine(failure=unavailable())
    service = predicting(database, clock, [model, RULES])
    found = service.predict(actor, account)
    assert (found.provenance.engine, found.provenance.fallback_reason) == ("rules", "timeout")
    assert found.valid_until == NOW + timedelta(minutes=15)
    assert found.confidence <= 0.49
    clock.advance(minutes=14, seconds=59)
    served = service.predict(actor, account)
    assert (served.id, served.provenance.fallback_reason) == (found.id, "timeout")
    clock.advance(seconds=1)
    model.failure = None
    again = service.predict(actor, account)
    assert (again.provenance.engine, again.provenance.fallback_reason, again.cached) == ("llm", None, False)


def test_a_valid_answer_of_the_model_is_shown_before_a_fallback(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    model = ScriptedEngine()
    service = predicting(database, clock, [model, RULES])
    first = service.predict(actor, account)
    clock.advance(days=2)
    add_activity(database, actor, account, completed_at=NOW + timedelta(days=1))
    model.failure = unavailable()
    found = service.predict(actor, account, force_refresh=True)
    assert (found.id, found.cached, found.new_facts_since, found.predicted_at) == (first.id, True, 1, NOW)
    assert (found.provenance.engine, found.provenance.fallback_reason) == ("llm", "timeout")
    kept, model_answer = service.list(actor, account)
    assert (kept.status, kept.provenance.engine, kept.provenance.fallback_reason) == ("EXPIRED", "rules", "timeout")
    assert (model_answer.id, model_answer.status, model_answer.provenance.fallback_reason) == (first.id, "ACTIVE", None)
    clock.advance(days=28)
    assert service.predict(actor, account).provenance.engine == "rules"
