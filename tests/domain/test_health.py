"""What became of a forecast, the band of a chance, and parts that add up."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.domain.health.changes import steps, tenth
from cs_ml.domain.health.insights import FORECAST_DAYS, HealthForecast, HealthInsights, drop_band
from cs_ml.domain.health.outcomes import judge
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.domain.policy import RiskBand

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
END = AS_OF + timedelta(days=FORECAST_DAYS)


def insights(*, low: float | None = 50, high: float | None = 75, forecast: bool = True) -> HealthInsights:
    expected = HealthForecast(at=END, score=63, low=low, high=high, drop_probability=0.2, learned_from=500)
    return HealthInsights(
        as_of=AS_OF,
        derived=False,
        readings=10,
        current=65,
        current_at=AS_OF,
        trajectory="stable",
        slope=0.0,
        forecast=expected if forecast else None,
        no_forecast="",
        usual_drop_rate=0.2,
        insights=(),
        anomalies=(),
        strength_areas=(),
        risk_areas=(),
        summary="",
    )


def later(days: float, score: int) -> HealthReading:
    return HealthReading(at=AS_OF + timedelta(days=days), scores={"overall": score})


@pytest.mark.parametrize(
    ("score", "dropped", "inside"), [(55, True, True), (56, False, True), (49, True, False), (76, False, False)]
)
def test_the_outcome_is_what_the_score_was_at_the_end(score: int, dropped: bool, inside: bool) -> None:
    found = judge(insights(), [later(1, 90), later(30, score), later(40, 10)])
    assert found
    assert (found.score, found.dropped, found.inside) == (score, dropped, inside)


def test_the_nearest_score_counts_and_of_two_the_earlier() -> None:
    found = judge(insights(), [later(28, 1), later(29, 2), later(31, 3), later(32, 4)])
    assert found
    assert found.score == 2


@pytest.mark.parametrize("days", [26.9, 33.1])
def test_a_score_more_than_three_days_off_judges_nothing(days: float) -> None:
    assert judge(insights(), [later(days, 60)]) is None


def test_what_was_not_forecast_is_not_judged() -> None:
    assert judge(insights(forecast=False), [later(30, 60)]) is None
    found = judge(insights(low=None, high=None), [later(30, 60)])
    assert found
    assert found.inside is None


def test_a_drop_is_never_critical_and_needs_more_than_the_usual_chance() -> None:
    assert drop_band(0.99, 0.1) is RiskBand.HIGH
    assert drop_band(0.29, 0.1) is RiskBand.MEDIUM
    assert drop_band(0.30, 0.25) is RiskBand.LOW
    assert drop_band(0.10, 0.02) is RiskBand.LOW


@given(st.floats(0, 100), st.lists(st.floats(-30, 30), max_size=12))
def test_steps_add_up_to_the_decimal(start: float, sizes: list[float]) -> None:
    found = steps(start, sizes)
    running = start
    for size in sizes:
        running += size
    assert tenth(start) + sum(found, Decimal(0)) == tenth(running)
    assert all(abs(float(part) - size) <= 0.1001 for part, size in zip(found, sizes, strict=True))
