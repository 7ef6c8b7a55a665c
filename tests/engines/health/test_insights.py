"""Insights say one thing, not two: a score that goes down unsteadily is not called stable, nor a decline no risk."""

from datetime import UTC, datetime, timedelta

from cs_ml.domain.health.insights import HealthInsights
from cs_ml.domain.health.reference import HealthReference
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.engines.health.insights import analyse

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
UNKNOWN = HealthReference(as_of=NOW, months=0, weight=1.0, spread=0.0, drop_rate=None, levels=(), leans=(), cells=())


def seen(scores: list[int]) -> HealthInsights:
    """Weekly scores, the last one now."""
    readings = [
        HealthReading(at=NOW - timedelta(weeks=len(scores) - 1 - week), scores={"overall": score})
        for week, score in enumerate(scores)
    ]
    return analyse(readings, UNKNOWN, NOW, derived=False)


def test_a_decline_that_goes_on_is_a_risk_whatever_the_last_month_looks_like() -> None:
    found = seen([87] * 40 + [87, 85, 83, 75, 79, 69, 75, 63, 61, 55, 58, 58, 52])
    assert (found.trajectory, found.slope) == ("stable", -5.4)
    overall = found.insights[0]
    assert (overall.severity, overall.suggested_action != "") == ("medium", True)
    assert overall.insight.startswith("Health has been declining for")
    assert found.risk_areas == (overall.insight,)
    assert "stable" not in found.summary
    assert "no clear direction in 30 days" in found.summary
    assert found.summary.count(overall.insight) == 1


def test_a_score_that_hardly_moves_is_stable_and_no_risk() -> None:
    found = seen([70, 71] * 26)
    assert (found.trajectory, found.insights[0].severity, found.risk_areas) == ("stable", "low", ())
    assert "(good) and stable." in found.summary


def test_a_decline_that_ended_weeks_ago_is_history() -> None:
    found = seen([87] * 40 + [87, 83, 79, 75, 70, 66, 63, 60, 61, 60, 61, 60])
    assert any(anomaly.meaning == "risk" for anomaly in found.anomalies)
    assert found.risk_areas == ()
