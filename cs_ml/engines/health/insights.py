"""Health insights of one account, in plain words that are made of the figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from cs_ml.domain.context import DIMENSIONS, Dimension
from cs_ml.domain.health.insights import (
    DROP_POINTS,
    FORECAST_DAYS,
    LOW_SCORE,
    MAX_READING_AGE,
    MIN_READINGS,
    STRONG_SCORE,
    Anomaly,
    AnomalyKind,
    DimensionInsight,
    HealthForecast,
    HealthInsights,
    Severity,
    band_of,
    is_unclear,
)
from cs_ml.domain.health.reference import HealthReference
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.engines.health.anomalies import find_anomalies
from cs_ml.engines.health.forecast import forecasts
from cs_ml.engines.health.panel import PANEL_DAYS, panel_of, states_at
from cs_ml.engines.health.series import Series, series_of
from cs_ml.engines.health.trend import TREND_DAYS, Slope, slope_of

HISTORY_DAYS = 730  # what anomalies are looked for in, and an account's own usual is taken from
_RECENT_DAYS = 90  # anomalies that ended longer ago are history, not news
_GOES_ON = timedelta(days=14)
_PERSISTS_DAYS, _PERSISTS_READINGS = 14.0, 3
_MOST_WORRIES = 3
_STEEP = -10.0  # points in 30 days
_CAUSE_POINTS = 5  # a dimension that moved less explains nothing

_ACTIONS: Mapping[Dimension, str] = {
    "overall": "Talk to the account: ask what changed, and agree on a plan.",
    "usage": "Find out who stopped using the product, and offer help or training.",
    "support": "Go through the open and recent tickets, and tell the customer what happens next.",
    "engagement": "Take up contact again: invite to a review, and find a second contact person.",
    "sentiment": "Call the people who were unhappy, before writing to them.",
    "financial": "Clear overdue invoices with the customer's finance people.",
}


def analyse(
    readings: Sequence[HealthReading], reference: HealthReference, as_of: datetime, *, derived: bool
) -> HealthInsights:
    """`readings` oldest first, none after `as_of`; any number of them, also none."""
    every = {name: series_of(readings, name) for name in DIMENSIONS}
    overall = every["overall"]
    slope = slope_of(overall) if _fresh(overall, as_of) else Slope(None, "unknown", 0)
    forecast, no_forecast = forecast_of(overall, reference, as_of)
    recent = timeline_anomalies(readings, since=as_of - timedelta(days=_RECENT_DAYS))
    falling = _still_falling(recent, as_of)
    insights = tuple(_insight(series, falling.get(series.dimension), as_of) for series in every.values() if len(series))
    found = HealthInsights(
        as_of=as_of,
        derived=derived,
        readings=len(overall),
        current=round(float(overall.scores[-1])) if len(overall) else None,
        current_at=overall.at[-1] if len(overall) else None,
        trajectory=slope.trend,
        slope=None if slope.points is None else round(slope.points, 1),
        forecast=forecast,
        no_forecast=no_forecast,
        usual_drop_rate=reference.drop_rate,
        insights=insights,
        anomalies=tuple(recent),
        strength_areas=tuple(_strengths(insights, as_of)),
        risk_areas=tuple(_risks(insights)),
        summary="",
    )
    return replace(found, summary=summary_of(found))


def timeline_anomalies(readings: Sequence[HealthReading], *, since: datetime) -> list[Anomaly]:
    """Those of all dimensions that ended after `since`, in order of date; `readings` may begin long before."""
    every = {name: series_of(readings, name) for name in DIMENSIONS}
    found = [anomaly for series in every.values() for anomaly in find_anomalies(series) if anomaly.ended > since]
    found = [replace(anomaly, possible_causes=_causes(anomaly, every)) for anomaly in found]
    return sorted(found, key=lambda anomaly: (anomaly.ended, anomaly.dimension, anomaly.kind))


def forecast_of(overall: Series, reference: HealthReference, as_of: datetime) -> tuple[HealthForecast | None, str]:
    """The forecast, or None and why there is none."""
    if not len(overall):
        return None, "There is no health score to forecast from."
    if len(overall) < MIN_READINGS:
        return None, f"Only {_count(len(overall), 'health score')}: a forecast needs {MIN_READINGS}."
    age = as_of - overall.at[-1]
    if age > MAX_READING_AGE:
        return None, f"The newest health score is {age.days} days old: too old to forecast from."
    ages = np.array([(as_of - at).days for at in overall.at])
    kept = ages < PANEL_DAYS
    days = PANEL_DAYS - 1 - ages[kept]
    panel = panel_of(np.zeros(len(days), dtype=int), days, overall.scores[kept], shape=(1, PANEL_DAYS))
    state = states_at(panel, PANEL_DAYS - 1)
    found = forecasts(state, reference)
    known = bool(reference.cells)
    forecast = HealthForecast(
        at=as_of + timedelta(days=FORECAST_DAYS),
        score=round(float(found.score[0]), 1),
        low=round(float(found.low[0]), 1) if known else None,
        high=round(float(found.high[0]), 1) if known else None,
        drop_probability=round(float(found.drop[0]), 4) if known else None,
        learned_from=reference.months,
    )
    return forecast, ""


def summary_of(found: HealthInsights) -> str:
    """Rule text of figures alone."""
    if found.current is None:
        return f"{found.no_forecast}"
    name = "The score that we derive from activity" if found.derived else "Health"
    parts = [f"{name} is {found.current} of 100 ({band_of(found.current)}){_direction(found)}."]
    forecast = found.forecast
    if forecast is None:
        return " ".join([*parts, found.no_forecast, *_worries(found)])
    ahead = f"In {FORECAST_DAYS} days {forecast.score:.0f} is to be expected"
    if forecast.low is None or forecast.high is None or forecast.drop_probability is None:
        parts.append(f"{ahead}; how far it may lie from that is not known yet.")
    else:
        usual = "" if found.usual_drop_rate is None else f" (usual here: {found.usual_drop_rate:.0%})"
        parts.append(f"{ahead}, and 8 times in 10 something from {forecast.low:.0f} to {forecast.high:.0f}.")
        parts.append(f"The chance of {DROP_POINTS} or more points lower is {forecast.drop_probability:.0%}{usual}.")
    return " ".join([*parts, *_worries(found)])


def _worries(found: HealthInsights) -> list[str]:
    """The risks that the first sentence has not told, the worst first."""
    declines = {anomaly.description for anomaly in found.anomalies}
    told = {one.insight for one in found.insights if one.dimension == "overall" and one.score >= LOW_SCORE} - declines
    return [risk for risk in found.risk_areas if risk not in told][:_MOST_WORRIES]


def _direction(found: HealthInsights) -> str:
    if found.slope is None:
        return "; too few scores of the last 30 days tell a direction"
    if is_unclear(found.trajectory, found.slope):
        return f", no clear direction in {TREND_DAYS} days"
    if found.trajectory == "stable":
        return " and stable"
    return f" and {found.trajectory}, {abs(found.slope):.0f} points in {TREND_DAYS} days"


@dataclass(frozen=True, slots=True)
class _Judged:
    severity: Severity
    insight: str


def _insight(series: Series, falling: Anomaly | None, as_of: datetime) -> DimensionInsight:
    """`falling`: a decline of it that goes on, a risk whatever the last 30 days alone look like."""
    fresh = _fresh(series, as_of)
    slope = slope_of(series) if fresh else Slope(None, "unknown", 0)
    judged = _judge(series, slope, as_of, fresh=fresh)
    if falling and fresh and judged.severity == "low":
        judged = _Judged("medium", falling.description)
    worth_acting = judged.severity != "low"
    return DimensionInsight(
        dimension=series.dimension,
        score=round(float(series.scores[-1])),
        at=series.at[-1],
        trend=slope.trend,
        slope=None if slope.points is None else round(slope.points, 1),
        readings=slope.readings,
        severity=judged.severity,
        insight=judged.insight,
        suggested_action=_ACTIONS[series.dimension] if worth_acting else "",
    )


def _judge(series: Series, slope: Slope, as_of: datetime, *, fresh: bool) -> _Judged:
    name, score = name_of(series.dimension), float(series.scores[-1])
    if not fresh:
        return _Judged("low", f"{name} was {score:.0f} of 100 {(as_of - series.at[-1]).days} days ago; nothing since.")
    low = low_since(series)
    steep = slope.trend == "declining" and slope.points is not None and slope.points <= _STEEP
    moved = _moved(slope)
    if low is not None:
        return _Judged("high", f"{name} has been under {LOW_SCORE} since {low:%-d %B %Y}, now {score:.0f}{moved}.")
    if steep:
        return _Judged("high" if score < LOW_SCORE else "medium", f"{name} is at {score:.0f} of 100{moved}.")
    if score < LOW_SCORE:
        return _Judged("medium", f"{name} is low: {score:.0f} of 100{moved}.")
    return _Judged("low", f"{name} is at {score:.0f} of 100 ({band_of(score)}){moved}.")


def _moved(slope: Slope) -> str:
    if slope.points is None:
        return f", too few scores in {TREND_DAYS} days to tell a direction"
    if is_unclear(slope.trend, slope.points):
        return f", no clear direction in {TREND_DAYS} days"
    if slope.trend == "stable":
        return ", stable"
    return f", {slope.trend} by {abs(slope.points):.0f} points in {TREND_DAYS} days"


def low_since(series: Series) -> datetime | None:
    """Since when the score has been under LOW_SCORE, where that persists: for two weeks and three readings."""
    first = len(series)
    while first and series.scores[first - 1] < LOW_SCORE:
        first -= 1
    if len(series) - first < _PERSISTS_READINGS or series.days[-1] - series.days[first] < _PERSISTS_DAYS:
        return None
    return series.at[first]


def _strengths(insights: Sequence[DimensionInsight], as_of: datetime) -> list[str]:
    return [one.insight for one in insights if as_of - one.at <= MAX_READING_AGE and _is_strong(one)]


def _is_strong(one: DimensionInsight) -> bool:
    if one.trend == "declining":
        return False
    return one.score >= STRONG_SCORE or (one.trend == "improving" and one.severity == "low")


def _still_falling(anomalies: Sequence[Anomaly], as_of: datetime) -> dict[Dimension, Anomaly]:
    """The newest decline of each dimension that goes on."""
    return {
        anomaly.dimension: anomaly
        for anomaly in anomalies
        if anomaly.kind is AnomalyKind.SUSTAINED_DECLINE and as_of - anomaly.ended <= _GOES_ON
    }


def _risks(insights: Sequence[DimensionInsight]) -> list[str]:
    """Low levels that persist, steep slopes, and declines that go on; never a sudden drop alone."""
    bad = sorted((one for one in insights if one.severity != "low"), key=lambda one: one.severity == "medium")
    return [one.insight for one in bad]


def _causes(anomaly: Anomaly, every: Mapping[Dimension, Series]) -> tuple[str, ...]:
    """What else moved the same way in the same days: figures, no guesses. Of the overall score only."""
    if anomaly.dimension != "overall":
        return ()
    moves = []
    for name, series in every.items():
        inside = [index for index, at in enumerate(series.at) if anomaly.began <= at <= anomaly.ended]
        if name != "overall" and len(inside) > 1:
            moves.append((float(series.scores[inside[-1]] - series.scores[inside[0]]), name))
    sign = -1 if anomaly.points < 0 else 1
    alike = sorted((move for move in moves if move[0] * sign >= _CAUSE_POINTS), key=lambda move: -abs(move[0]))
    way = "fell" if sign < 0 else "rose"
    return tuple(f"{name_of(name)} {way} by {abs(points):.0f} points in the same days." for points, name in alike[:3])


def name_of(dimension: Dimension) -> str:
    return "Health" if dimension == "overall" else dimension.capitalize()


def _fresh(series: Series, as_of: datetime) -> bool:
    return len(series) > 0 and as_of - series.at[-1] <= MAX_READING_AGE


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
