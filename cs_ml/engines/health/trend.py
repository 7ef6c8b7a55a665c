"""Where a score is heading: a robust slope over the last 30 days."""

from dataclasses import dataclass

from cs_ml.domain.health.insights import STEADY_POINTS, Trajectory
from cs_ml.engines.health.series import Series

TREND_DAYS = 30
MIN_POINTS = 4
_MIN_SPAN = 14.0  # days that the readings must span
_CONFIDENCE = 0.9


@dataclass(frozen=True, slots=True)
class Slope:
    """`points` in TREND_DAYS; None where too few readings tell. `readings`: how many there were."""

    points: float | None
    trend: Trajectory
    readings: int


def slope_of(series: Series) -> Slope:
    """Theil-Sen: the median of the slopes between all pairs, which one odd score does not move.

    A direction is named only where it is worth STEADY_POINTS and its 90 % interval lies on one side of zero.
    """
    recent = series.last_days(TREND_DAYS)
    if len(recent) < MIN_POINTS or recent.days[-1] - recent.days[0] < _MIN_SPAN:
        return Slope(None, "unknown", len(recent))
    from scipy.stats import theilslopes

    found = theilslopes(recent.scores, recent.days, alpha=_CONFIDENCE)
    points = float(found.slope) * TREND_DAYS
    if points <= -STEADY_POINTS and found.high_slope < 0:
        return Slope(points, "declining", len(recent))
    return Slope(points, "improving" if points >= STEADY_POINTS and found.low_slope > 0 else "stable", len(recent))
