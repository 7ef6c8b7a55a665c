"""What became of a health forecast."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cs_ml.domain.health.insights import DROP_POINTS, JUDGED_WITHIN, HealthInsights
from cs_ml.domain.health.timeline import HealthReading


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendOutcome:
    """What the overall score was at the end of a forecast's window. `inside` is None where there was no interval."""

    at: datetime
    score: int
    dropped: bool
    inside: bool | None


def judge(insights: HealthInsights, readings: Sequence[HealthReading]) -> TrendOutcome | None:
    """What became of a forecast, from readings after it: the one nearest to the end of its window.

    None where it made none, or no reading lies within JUDGED_WITHIN of that day: then it cannot be judged. Of two
    equally near, the earlier.
    """
    forecast = insights.forecast
    if forecast is None or insights.current is None:
        return None
    near = [
        (abs(reading.at - forecast.at), reading.at, reading.scores["overall"])
        for reading in readings
        if "overall" in reading.scores
        and reading.at > insights.as_of
        and abs(reading.at - forecast.at) <= JUDGED_WITHIN
    ]
    if not near:
        return None
    _, at, score = min(near)
    known = forecast.low is not None and forecast.high is not None
    return TrendOutcome(
        at=at,
        score=score,
        dropped=score <= insights.current - DROP_POINTS,
        inside=forecast.low <= score <= forecast.high if known else None,  # type: ignore[operator]
    )
