"""A prediction comes back as it was stored, whatever it holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_ml.domain.policy import URGENCY, RiskBand
from cs_ml.domain.predictions import (
    Doubt,
    Evidence,
    Prediction,
    PredictionStatus,
    PredictionType,
    Provenance,
    Recommendation,
    RiskFactor,
)
from cs_ml.store.database import Database
from cs_ml.store.predictions import PredictionRepository
from tests.support.factories import NOW, add_account, add_prediction, add_tenant

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SHARE = st.floats(0, 1)
WHEN = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 the zone is added below
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
)
FACTOR = st.builds(
    RiskFactor,
    code=TEXT,
    factor=TEXT,
    impact=st.sampled_from(["high", "medium", "low"]),
    points=st.none() | SHARE,
    current_value=TEXT,
    threshold=TEXT,
    trend=st.sampled_from(["improving", "stable", "declining", "unknown"]),
    description=TEXT,
    evidence=st.lists(TEXT, max_size=3).map(tuple),
)
EVIDENCE = st.builds(
    Evidence,
    id=TEXT,
    kind=st.sampled_from(["health", "activity", "cta", "opportunity", "metric"]),
    at=st.none() | WHEN,
    text=TEXT,
)
ADVICE = st.builds(
    Recommendation,
    action=TEXT,
    priority=st.sampled_from(["critical", "high", "medium", "low"]),
    rationale=TEXT,
    expected_impact=TEXT,
    effort=st.sampled_from(["low", "medium", "high"]),
    timeframe=TEXT,
)
COUNT = st.none() | st.integers(0, 2**31 - 1)
RULES = st.builds(
    Provenance, engine=st.sampled_from(["rules", "learned"]), version=TEXT, fallback_reason=st.none() | TEXT
)
MODEL = st.builds(
    Provenance,
    engine=st.just("llm"),
    version=TEXT,
    model=TEXT.filter(bool),
    prompt_version=TEXT,
    tokens=COUNT,
    latency_ms=COUNT,
    cost=st.none() | st.decimals(0, 1000, places=6, allow_nan=False),
)


@st.composite
def predictions(draw: st.DrawFn) -> Prediction:
    band = draw(st.sampled_from(RiskBand))
    additive = draw(st.booleans())
    part = st.floats(-1, 1) if additive else st.none()
    return Prediction(
        id=None,
        account_id=0,
        type=draw(st.sampled_from(PredictionType)),
        status=draw(st.sampled_from(PredictionStatus)),
        origin=draw(st.sampled_from(["single", "batch", "replay"])),
        as_of=draw(WHEN),
        predicted_at=draw(WHEN),
        valid_until=draw(WHEN),
        window_days=draw(st.integers(30, 365)),
        probability=draw(SHARE),
        confidence=draw(SHARE),
        base_rate=draw(SHARE),
        band=band,
        urgency=URGENCY[band],
        base=draw(part),
        window_part=draw(part),
        clipping=draw(part),
        drivers=tuple(draw(st.lists(TEXT, max_size=3))),
        factors=draw(st.lists(FACTOR, max_size=3)),
        protective=draw(st.lists(FACTOR, max_size=2)),
        evidence=draw(st.lists(EVIDENCE, max_size=4)),
        explanation=draw(TEXT),
        unmatched_numbers=tuple(draw(st.lists(TEXT, max_size=2))),
        doubts=tuple(draw(st.lists(st.sampled_from(get_args(Doubt)), max_size=2))),
        recommendations=draw(st.lists(ADVICE, max_size=2)),
        completeness=draw(SHARE),
        missing=tuple(draw(st.lists(TEXT, max_size=2))),
        provenance=draw(RULES | MODEL),
    )


@given(given_values=st.lists(predictions(), min_size=1, max_size=4))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_is_stored_comes_back_equal(database: Database, given_values: list[Prediction]) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    one, *others = [replace(value, account_id=account) for value in given_values]
    with database.write(actor) as scope:
        repository = PredictionRepository(scope)
        saved = repository.save(one, NOW)
        repository.save_all(others, NOW)
    with database.read(actor) as scope:
        found = PredictionRepository(scope).list(account, None)
    assert [(value.predicted_at, value.id) for value in found] == sorted(
        ((value.predicted_at, value.id) for value in found), reverse=True, key=lambda key: (key[0], key[1] or 0)
    )
    by_id = sorted(found, key=lambda value: value.id or 0)
    assert by_id[0] == replace(one, id=saved)
    assert [replace(value, id=None) for value in by_id[1:]] == others


def test_the_valid_one_is_found_and_no_other(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    later = NOW + timedelta(days=1)
    add_prediction(database, actor, account, status="EXPIRED")
    add_prediction(database, actor, account, prediction_type="EXPANSION")
    add_prediction(database, actor, account, prediction_window=60)
    add_prediction(database, actor, account, valid_until=later)
    add_prediction(database, actor, account, engine=None, predicted_at=later)
    older = add_prediction(database, actor, account, predicted_at=NOW - timedelta(days=1))
    with database.read(actor) as scope:
        found = PredictionRepository(scope).find_valid(account, PredictionType.CHURN, 90, later)
    assert found is not None
    assert (found.id, found.provenance.cost) == (older, None)


def test_a_cost_that_is_known_is_kept_to_the_micro_dollar(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    add_prediction(database, actor, account, llm_model="m", llm_cost=0.000123, cost_known=True)
    add_prediction(
        database, actor, account, llm_model="m", llm_cost=0.0, cost_known=False, predicted_at=NOW.replace(hour=1)
    )
    with database.read(actor) as scope:
        known, unknown = PredictionRepository(scope).list(account, None)
    assert (known.provenance.cost, unknown.provenance.cost) == (Decimal("0.000123"), None)
