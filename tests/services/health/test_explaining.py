"""What changed between two dates: the parts add up, and the future plays no part."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid, NotFound
from cs_ml.domain.health.changes import Change
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.domain.predictions import Prediction
from cs_ml.engines.health.changes import churn_change, health_change
from cs_ml.services.clock import Moment
from cs_ml.services.health.explaining import ExplanationService
from cs_ml.services.health.reading import read_health
from cs_ml.services.predicting.scoring import PredictionRequest, read_scenes, score
from cs_ml.store.database import Database
from tests.services.health.histories import add_measured
from tests.services.predictions.predicting import RULES, TestClock
from tests.support.factories import NOW, add_account, add_activity, add_cta, add_fact, add_health, add_tenant


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


@pytest.fixture
def account(database: Database, actor: Actor) -> int:
    account_id = add_account(database, actor)
    add_measured(database, actor, account_id, days=420)
    add_fact(database, actor, account_id, arr=Decimal(40_000), renewal_date=NOW + timedelta(days=20))
    rng = np.random.default_rng(9)
    for day in rng.uniform(0, 400, 60):
        mood = {"sentiment": str(rng.choice(["POSITIVE", "NEGATIVE"]))}
        add_activity(database, actor, account_id, completed_at=NOW - timedelta(days=float(day)), details=mood)
    add_cta(database, actor, account_id, created_at=NOW - timedelta(days=100))
    return account_id


@pytest.fixture
def service(database: Database) -> ExplanationService:
    return ExplanationService(database, TestClock(), lambda _: RULES)


def total(change: Change) -> Decimal:
    return sum((part.points for part in change.parts), Decimal(0))


def test_parts_add_up_for_a_thousand_random_pairs_of_dates(database: Database, actor: Actor, account: int) -> None:
    rng = np.random.default_rng(4)
    days = sorted((float(day) for day in rng.uniform(0, 400, 60)), reverse=True)
    readings, _ = read_health(database, actor, account, NOW - timedelta(days=900), NOW)
    known = [predictions_at(database, actor, account, day) for day in days]
    recorded = {"usage": 40, "support": 25, "engagement": 20, "sentiment": 15, "financial": 0}
    for _ in range(1000):
        first, last = sorted(int(place) for place in rng.choice(len(days), 2, replace=False))
        churn = churn_change(known[first], known[last])
        assert churn.before + total(churn) == churn.after
        before, after = (newest(readings, days[place]) for place in (first, last))
        health = health_change(before, after, readings, recorded)  # type: ignore[arg-type]
        assert health.before + total(health) == health.after
        assert health.parts[-1].code == "not_explained"


def test_parts_add_up_through_the_service(service: ExplanationService, actor: Actor, account: int) -> None:
    for first, last in ((300, 200), (200, 30), (30, 0), (1, 0.5)):
        found = service.explain(actor, account, NOW - timedelta(days=first), NOW - timedelta(days=last))
        assert found.health
        for change in (found.health, found.churn):
            assert change.before + total(change) == change.after


def predictions_at(database: Database, actor: Actor, account: int, day: float) -> Prediction:
    scenes = read_scenes(database, actor, [account], Moment(NOW - timedelta(days=day), live=False), NOW)
    return score([RULES], PredictionRequest(account_id=account), scenes[account], "replay")


def newest(readings: Sequence[HealthReading], day: float) -> HealthReading:
    return [reading for reading in readings if reading.at <= NOW - timedelta(days=day)][-1]


def test_dimensions_weigh_what_the_scores_show(service: ExplanationService, actor: Actor, account: int) -> None:
    found = service.explain(actor, account, NOW - timedelta(days=200), NOW).health
    assert found
    usage = next(part for part in found.parts if part.code == "usage")
    assert usage.before is not None
    assert usage.after is not None
    assert float(usage.points) == pytest.approx(0.4 * float(usage.after - usage.before), abs=2.0)


def test_the_future_plays_no_part(database: Database, service: ExplanationService, actor: Actor, account: int) -> None:
    since, until = NOW - timedelta(days=200), NOW - timedelta(days=100)
    before = service.explain(actor, account, since, until)
    for day in range(0, 99, 7):
        add_health(database, actor, account, calculated_at=NOW - timedelta(days=day), overall_score=2, usage_score=2)
    assert service.explain(actor, account, since, until) == before


def test_without_a_score_near_a_date_only_the_chance_is_explained(
    database: Database, service: ExplanationService, actor: Actor
) -> None:
    account = add_account(database, actor)
    add_health(database, actor, account, calculated_at=NOW - timedelta(days=5))
    found = service.explain(actor, account, NOW - timedelta(days=90), NOW)
    assert found.health is None
    assert "30 days before" in found.no_health
    assert total(found.churn) == found.churn.points


def test_dates_the_wrong_way_round_and_accounts_of_others(
    database: Database, service: ExplanationService, actor: Actor, account: int
) -> None:
    with pytest.raises(Invalid):
        service.explain(actor, account, NOW, NOW - timedelta(days=1))
    with pytest.raises(NotFound):
        service.explain(add_tenant(database, "other"), account, NOW - timedelta(days=9), NOW)
