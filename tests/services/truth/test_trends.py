"""Forecasts of health scores against what the scores then were."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from cs_ml.domain.health.insights import HealthForecast, HealthInsights
from cs_ml.domain.predictions import PredictionType
from cs_ml.domain.truth.outcomes import Unjudged
from cs_ml.services.truth.accuracy import AccuracyService
from cs_ml.services.truth.validation import ValidationService
from cs_ml.store.database import Database
from cs_ml.store.predictions.health import health_json
from cs_ml.store.tables import AccountMLPrediction
from tests.services.predictions.predicting import TestClock, predicting
from tests.support.factories import NOW, add_account, add_activity, add_health, add_prediction, add_tenant


def test_a_forecast_of_a_derived_score_is_judged_by_derived_scores(database: Database) -> None:
    """Of two accounts with the same past one falls silent; both were expected to fall."""
    actor, made, clock = add_tenant(database), NOW - timedelta(days=40), TestClock(NOW - timedelta(days=40))
    accounts = [add_account(database, actor) for _ in range(2)]
    for account in accounts:
        for day in range(40, 300, 4):
            add_activity(database, actor, account, completed_at=NOW - timedelta(days=day))
        found = predicting(database, clock).predict(actor, account, PredictionType.HEALTH_TREND)
        assert found.health
        assert (found.health.derived, found.as_of) == (True, made)
    for day in range(2, 40, 4):
        add_activity(database, actor, accounts[0], completed_at=NOW - timedelta(days=day))
    clock.now = NOW
    service = ValidationService(database, clock)
    assert [service.validate(actor).validated for _ in range(2)] == [2, 0]
    row = AccountMLPrediction
    with database.read(actor) as scope:
        found_rows = scope.execute(select(row.account_id, row.actual_outcome, row.status, row.outcome_source)).all()
    assert {key: (outcome, status) for key, outcome, status, _ in found_rows} == {
        accounts[0]: (False, "VALIDATED"),
        accounts[1]: (True, "VALIDATED"),
    }
    assert {source for *_, source in found_rows} == {"health score"}


@pytest.mark.parametrize(("score", "outcome"), [(45, True), (58, False), (None, None)])
def test_a_health_forecast_is_judged_by_the_score_of_its_last_day(
    database: Database, score: int | None, outcome: bool | None
) -> None:
    """60 when it was made; a drop of ten points or more had a chance of 70 %."""
    actor = add_tenant(database)
    customer, made = add_account(database, actor), NOW - timedelta(days=40)
    forecast = HealthForecast(
        at=made + timedelta(days=30), score=52.0, low=40.0, high=64.0, drop_probability=0.7, learned_from=100
    )
    insights = HealthInsights(
        as_of=made,
        derived=False,
        readings=10,
        current=60,
        current_at=made,
        trajectory="stable",
        slope=0.0,
        forecast=forecast,
        no_forecast="",
        usual_drop_rate=0.2,
        insights=(),
        anomalies=(),
        strength_areas=(),
        risk_areas=(),
        summary="",
    )
    values = {"predicted_at": made, "as_of": made, "valid_until": made, "prediction_window": 30, "probability": 0.7}
    stored = health_json(insights)
    key = add_prediction(database, actor, customer, prediction_type="HEALTH_TREND", health_insights=stored, **values)
    add_health(database, actor, customer, calculated_at=made, overall_score=60)
    if score is not None:
        add_health(database, actor, customer, calculated_at=NOW - timedelta(days=9), overall_score=score)
    service = ValidationService(database, lambda: NOW)
    assert [service.validate(actor).validated for _ in range(2)] == [int(score is not None), 0]
    row = AccountMLPrediction
    with database.read(actor) as scope:
        found = scope.execute(select(row.actual_outcome, row.was_accurate).where(row.id == key)).one()
    assert tuple(found) == (outcome, outcome)  # it said that the score would drop
    summary = AccuracyService(database, lambda: NOW).summary(actor, PredictionType.HEALTH_TREND)
    assert summary.unjudged == ({Unjudged.NO_SCORE: 1} if score is None else {})
