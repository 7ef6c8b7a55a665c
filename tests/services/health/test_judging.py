"""Health forecasts are judged by the score at the end of their window, together with the others."""

from datetime import timedelta

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.predictions import PredictionType
from cs_ml.services.truth.validation import ValidationService
from cs_ml.store.database import Database
from tests.services.health.histories import add_crowd
from tests.services.predictions.predicting import TestClock, predicting, stored
from tests.support.factories import NOW, add_health, add_tenant


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


@pytest.mark.parametrize(("fall", "dropped"), [(15, True), (2, False)])
def test_the_score_at_the_end_of_the_window_decides(database: Database, actor: Actor, fall: int, dropped: bool) -> None:
    account, unknown = add_crowd(database, actor)[:2]
    clock = TestClock()
    service = predicting(database, clock)
    made = service.predict(actor, account, PredictionType.HEALTH_TREND)
    service.predict(actor, unknown, PredictionType.HEALTH_TREND)
    assert made.health
    assert made.health.current
    end = NOW + timedelta(days=30)
    add_health(database, actor, account, calculated_at=end, overall_score=made.health.current - fall)
    add_health(database, actor, unknown, calculated_at=end + timedelta(days=4), overall_score=1)
    truth = ValidationService(database, clock)
    clock.advance(days=30)
    assert truth.validate(actor).validated == 0
    clock.advance(days=4)
    assert truth.validate(actor).validated == 1
    assert truth.validate(actor).validated == 0
    assert stored(database, actor, account_id=account, actual_outcome=dropped, status="VALIDATED") == 1
    assert stored(database, actor, account_id=unknown, actual_outcome=None) == 1
