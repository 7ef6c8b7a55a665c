"""Predictions of type HEALTH_TREND: stored, served, superseded and replayed like those of churn."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, NotFound, RateLimited
from cs_ml.domain.health.insights import FORECAST_DAYS, AnomalyKind
from cs_ml.domain.predictions import Prediction, PredictionStatus, PredictionType
from cs_ml.services.health.trend import DEFAULT_DROP_RATE
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from cs_ml.store.history.scores import HealthScoreRepository
from cs_ml.store.tables import HealthReference
from tests.services.health.histories import add_crowd, add_scores
from tests.services.predictions.predicting import TestClock, predicting, stored
from tests.support.factories import NOW, add_account, add_activity, add_health, add_tenant

TREND = PredictionType.HEALTH_TREND


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


def trend(service: PredictionService, actor: Actor, account: int, **options: object) -> Prediction:
    return service.predict(actor, account, TREND, **options)  # type: ignore[arg-type]


def test_computed_once_then_served_as_it_was_stored(database: Database, actor: Actor) -> None:
    account = add_crowd(database, actor)[0]
    service = predicting(database, TestClock())
    first = trend(service, actor, account)
    again = trend(service, actor, account)
    assert first.health
    assert first.health.forecast
    assert first.health.forecast.drop_probability == first.probability
    assert first.window_days == FORECAST_DAYS
    assert again == replace(first, cached=True)
    assert stored(database, actor, prediction_type="HEALTH_TREND") == 1


def test_any_window_is_thirty_days_and_churn_has_its_own(database: Database, actor: Actor) -> None:
    account = add_crowd(database, actor)[0]
    service = predicting(database, TestClock())
    assert trend(service, actor, account, window_days=90).id == trend(service, actor, account, window_days=30).id
    assert service.predict(actor, account).type is PredictionType.CHURN
    assert len(service.list(actor, account, include_expired=False)) == 2


def test_a_refresh_supersedes_and_a_replay_is_not_stored(database: Database, actor: Actor) -> None:
    account = add_crowd(database, actor)[0]
    clock = TestClock()
    service = predicting(database, clock)
    trend(service, actor, account)
    clock.advance(minutes=1)
    newer = trend(service, actor, account, force_refresh=True)
    then = trend(service, actor, account, as_of=NOW - timedelta(days=60))
    assert [one.status for one in service.list(actor, account, TREND)] == [
        PredictionStatus.ACTIVE,
        PredictionStatus.EXPIRED,
    ]
    assert (newer.origin, then.origin, then.id) == ("single", "replay", None)


def test_nothing_after_the_instant_matters(database: Database, actor: Actor) -> None:
    accounts = add_crowd(database, actor)
    past = NOW - timedelta(days=60)
    before = trend(predicting(database, TestClock()), actor, accounts[0], as_of=past)
    for account in accounts:
        for days in range(0, 59, 3):
            add_health(database, actor, account, calculated_at=NOW - timedelta(days=days), overall_score=1)
    with database.write(actor) as scope:
        scope.execute(delete(HealthReference))
    assert trend(predicting(database, TestClock()), actor, accounts[0], as_of=past) == before


def test_what_is_usual_is_learned_once_a_week(database: Database, actor: Actor) -> None:
    accounts = add_crowd(database, actor)
    service = predicting(database, TestClock())
    for account in accounts[:3]:
        trend(service, actor, account)
    monday = NOW - timedelta(days=NOW.weekday(), hours=NOW.hour)
    with database.read(actor) as scope:
        found = HealthScoreRepository(scope).find_reference(monday)
    assert found
    assert found.months >= 60


def test_an_account_without_scores_is_told_so_and_gets_the_usual_chance(database: Database, actor: Actor) -> None:
    add_crowd(database, actor)
    empty = trend(predicting(database, TestClock()), actor, add_account(database, actor))
    assert empty.health
    assert empty.health.forecast is None
    assert empty.confidence == 0
    assert empty.probability == empty.base_rate
    assert "no health score" in empty.explanation


def test_a_tenant_of_one_account_has_a_score_ahead_but_no_interval(database: Database, actor: Actor) -> None:
    account = add_account(database, actor)
    add_scores(database, actor, account, [70, 68, 66, 64])
    found = trend(predicting(database, TestClock()), actor, account)
    assert found.health
    assert found.health.forecast
    assert (found.health.forecast.score, found.health.forecast.low) == (64, None)
    assert found.probability == DEFAULT_DROP_RATE


def test_reasons_cite_the_scores_that_show_them(database: Database, actor: Actor) -> None:
    add_crowd(database, actor)
    account = add_account(database, actor)
    add_scores(database, actor, account, [70] * 20 + [68, 64, 60, 56, 52, 48, 44, 39, 35, 33, 31])
    found = trend(predicting(database, TestClock()), actor, account)
    assert found.health
    kinds = {anomaly.kind for anomaly in found.health.anomalies}
    assert AnomalyKind.SUSTAINED_DECLINE in kinds
    ids = {fact.id for fact in found.evidence}
    assert found.factors
    assert all(factor.evidence and set(factor.evidence) <= ids for factor in found.factors)
    assert found.recommendations[0].rationale in found.health.risk_areas


def test_rights_are_those_of_every_prediction_and_statistics_count_to_no_limit(
    database: Database, actor: Actor
) -> None:
    """They cost nothing: whoever looks at accounts must not use up the day of those who ask for churn."""
    account, other = add_crowd(database, actor)[:2]
    viewer = Actor(tenant_id=actor.tenant_id, role=Role.VIEWER, user_id=actor.user_id)
    service = predicting(database, TestClock(), limit=1)
    with pytest.raises(Forbidden):
        trend(service, viewer, account)
    trend(service, actor, account)
    assert trend(service, viewer, account).cached
    trend(service, actor, other, force_refresh=True)
    service.predict(actor, account)
    with pytest.raises(RateLimited):
        service.predict(actor, other)
    with pytest.raises(NotFound):
        trend(service, add_tenant(database, "other"), account)


def test_scores_are_derived_where_the_crm_sends_none_and_say_so(database: Database, actor: Actor) -> None:
    account = add_account(database, actor)
    for day in range(0, 300, 4):
        add_activity(database, actor, account, completed_at=NOW - timedelta(days=day))
    found = trend(predicting(database, TestClock()), actor, account)
    assert found.health
    assert found.health.derived
    assert found.health.current == 99  # a day without contact is nearly as usual
    assert "derive" in found.explanation
    add_health(database, actor, add_account(database, actor))
    sent = trend(predicting(database, TestClock()), actor, account, force_refresh=True)
    assert sent.health
    assert not sent.health.derived
    assert sent.health.readings == 0


def test_the_cost_is_none(database: Database, actor: Actor) -> None:
    found = trend(predicting(database, TestClock()), actor, add_crowd(database, actor)[0])
    assert found.provenance.engine == "statistics"
    assert found.provenance.cost is None or found.provenance.cost == Decimal(0)
