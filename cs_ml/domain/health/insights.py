"""Health insights: where the score stands and goes, what stands out, and what is expected 30 days ahead.

Everything here is copied by value into the stored prediction. Scores are 0..100; a dimension that was not measured is
absent, never zero and never "average".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from cs_ml.domain.context import Dimension
from cs_ml.domain.health.words import HealthWords
from cs_ml.domain.policy import HEALTH_BANDS, HealthBand, RiskBand

FORECAST_DAYS = 30
DROP_POINTS = 10  # so many points lower after FORECAST_DAYS is the event that the stored probability is about
INTERVAL_SHARE = 0.8
MIN_READINGS = 3  # fewer give no forecast
MAX_READING_AGE = timedelta(days=30)  # an older score says nothing about what comes
JUDGED_WITHIN = timedelta(days=3)  # how far from the end of the window a reading may lie that judges a forecast

STEADY_POINTS = 3.0  # points in 30 days that are no direction yet
LOW_SCORE = 40  # below it is the band "poor"
STRONG_SCORE = 80  # the band "excellent"

# The band of a chance of a drop: so many times the usual chance, and at least so much. A drop is a warning and no loss,
# so none is critical; the bands of churn do not apply.
_HIGH, _MEDIUM = (2.0, 0.30), (1.25, 0.15)

Trajectory = Literal["improving", "stable", "declining", "unknown"]
Severity = Literal["high", "medium", "low"]
# `unusual`: look, it means no more than that; `risk`: goes along with accounts that leave.
Meaning = Literal["unusual", "risk"]


class AnomalyKind(StrEnum):
    SUDDEN_DROP = "sudden_drop"
    SUSTAINED_DECLINE = "sustained_decline"
    UNUSUAL_PATTERN = "unusual_pattern"


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkedPoint:
    """A reading that an anomaly is seen at."""

    at: datetime
    score: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Anomaly:
    """`began` to `ended`: from the first reading that belongs to it to the one where it was largest.

    `points`: how far the score went down or up (signed) from its starting level; `evidence` oldest first.
    """

    dimension: Dimension
    kind: AnomalyKind
    meaning: Meaning
    severity: Severity
    began: datetime
    ended: datetime
    points: float
    threshold: float
    description: str
    possible_causes: tuple[str, ...]
    evidence: tuple[MarkedPoint, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DimensionInsight:
    """`slope`: points in 30 days, None where too few readings tell. `severity` is of the risk, low where there is none.

    `readings`: how many of the last 30 days the trend comes from.
    """

    dimension: Dimension
    score: int
    at: datetime
    trend: Trajectory
    slope: float | None
    readings: int
    severity: Severity
    insight: str
    suggested_action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthForecast:
    """The overall score at `at`, with the interval that holds it 8 times in 10, both clamped to 0..100.

    `low`, `high` and `drop_probability` (of DROP_POINTS or more lower) are None where too few months of the tenant's
    accounts are known to tell how far scores move; `learned_from` is how many there were.
    """

    at: datetime
    score: float
    low: float | None
    high: float | None
    drop_probability: float | None
    learned_from: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthInsights:
    """`derived`: the scores are computed by us, for want of any from the CRM. `slope` as in DimensionInsight.

    `forecast` is None where `no_forecast` says why. Areas are sentences; `risk_areas` are what goes along with leaving.
    `summary` is the rule text; `words` those of a language model, where one was asked and answered.
    """

    as_of: datetime
    derived: bool
    readings: int
    current: int | None
    current_at: datetime | None
    trajectory: Trajectory
    slope: float | None
    forecast: HealthForecast | None
    no_forecast: str
    usual_drop_rate: float | None
    insights: tuple[DimensionInsight, ...]
    anomalies: tuple[Anomaly, ...]
    strength_areas: tuple[str, ...]
    risk_areas: tuple[str, ...]
    summary: str
    words: HealthWords | None = None


def is_unclear(trend: Trajectory, slope: float | None) -> bool:
    """Whether a score that is called stable moved, but too unsteadily to name a direction."""
    return trend == "stable" and slope is not None and abs(slope) >= STEADY_POINTS


def band_of(score: float) -> HealthBand:
    return next(band for band, lowest in HEALTH_BANDS.items() if score >= lowest)


def drop_band(chance: float, usual: float) -> RiskBand:
    """Both 0..1."""
    for band, (times, least) in ((RiskBand.HIGH, _HIGH), (RiskBand.MEDIUM, _MEDIUM)):
        if chance >= max(times * usual, least):
            return band
    return RiskBand.LOW
