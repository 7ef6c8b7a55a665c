"""What stands out in a score's history. Each is judged by what was known on its day, never by what came later.

Measured on real series: "more than 15 points within 7 days" fires five times a year on accounts that stay, and does
not go along with leaving; so a drop is held against the account's own 99th percentile and called unusual, no more.
What goes along with leaving is a low level that persists (see insights) and a decline that goes on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cs_ml.domain.health.insights import LOW_SCORE, Anomaly, AnomalyKind, Severity
from cs_ml.engines.health.panel import Floats
from cs_ml.engines.health.series import Series

_WEEK = 7.5  # days: weekly readings are a few hours more or less than 7 days apart
_DROP_POINTS = 15.0
_OWN_SHARE = 0.99
_OWN_DROPS = 20  # earlier weeks from which on the account's own percentile is known
# Days of a decline, the least loss of points over them, and the readings that must show it.
_DECLINES = ((30, 10.0, 5), (90, 18.0, 8))
_SPANNED = 0.8  # of those days
_CONSISTENT = -0.7  # Kendall's tau; a single step has -0.5, and five readings may have one out of order
_PATTERN_DAYS, _PATTERN_HISTORY, _PATTERN_READINGS = 14.0, 180.0, 10
_PATTERN_SPAN = 60.0
_PATTERN_SIGMAS = 2.0
_LEAST_SIGMA = 3.0  # points: whole scores of a quiet account would make every point unusual
_MOST_EVIDENCE = 6


@dataclass(frozen=True, slots=True)
class _Seen:
    """A reading (index `last`) at which something stands out, since index `first`; `size` tells the largest of some."""

    first: int
    last: int
    size: float
    threshold: float


def find_anomalies(series: Series) -> list[Anomaly]:
    """All of one dimension, in order of date; an unusual pattern that a drop or a decline explains is left out."""
    drops = [_drop(series, seen) for seen in _merged(_sudden(series), series)]
    declines = [_decline(series, seen) for seen in _merged(_sustained(series), series)]
    explained = [*drops, *declines]
    patterns = [_pattern(series, seen) for seen in _merged(_unusual(series), series)]
    patterns = [one for one in patterns if not any(_overlap(one, other) for other in explained)]
    return sorted([*explained, *patterns], key=lambda anomaly: (anomaly.ended, anomaly.kind))


def _sudden(series: Series) -> Iterator[_Seen]:
    """Falls within a week beyond the points that count and the account's own 99th percentile until then."""
    starts = np.searchsorted(series.days, series.days - _WEEK)
    tops = [int(start) + int(np.argmax(series.scores[start : index + 1])) for index, start in enumerate(starts)]
    falls = series.scores[tops] - series.scores
    for index, start in enumerate(starts):
        if falls[index] <= _DROP_POINTS:
            continue
        own = float(np.quantile(falls[:start], _OWN_SHARE)) if start >= _OWN_DROPS else 0.0
        threshold = max(_DROP_POINTS, own)
        if falls[index] > threshold:
            yield _Seen(tops[index], index, float(falls[index]), threshold)


def _sustained(series: Series) -> Iterator[_Seen]:
    for index in range(_DECLINES[0][2] - 1, len(series)):
        for days, loss, readings in _DECLINES:
            first = int(np.searchsorted(series.days, series.days[index] - days - 0.5))
            window = Series(
                series.dimension,
                series.at[first : index + 1],
                series.days[first : index + 1],
                series.scores[first : index + 1],
            )
            lost = float(window.scores[0] - window.scores[-1])
            if len(window) >= readings and lost >= loss and _falls(window, days, loss):
                top = series.scores[
                    np.searchsorted(series.days, series.days[index] - _DECLINES[-1][0]) : index + 1
                ].max()
                yield _Seen(first, index, float(top - series.scores[index]), loss)
                break


def _falls(window: Series, days: int, loss: float) -> bool:
    span = window.days[-1] - window.days[0]
    if span < _SPANNED * days:
        return False
    ends = max(len(window) // 3, 2)
    lost = window.scores[:ends].mean() - window.scores[-ends:].mean()
    apart = window.days[-ends:].mean() - window.days[:ends].mean()
    return bool(lost * span / apart >= loss) and _tau(window.scores) <= _CONSISTENT


def _tau(scores: Floats) -> float:
    """Kendall's tau against time, ties counting as no change."""
    signs = np.sign(scores[None, :] - scores[:, None])[np.triu_indices(len(scores), 1)]
    return float(signs.mean())


def _unusual(series: Series) -> Iterator[_Seen]:
    for index in range(_PATTERN_READINGS, len(series)):
        now = series.days[index]
        recent = int(np.searchsorted(series.days, now - _PATTERN_DAYS, side="right"))
        first = int(np.searchsorted(series.days, now - _PATTERN_HISTORY))
        history = series.scores[first:recent]
        if index + 1 - recent < 2 or len(history) < _PATTERN_READINGS:
            continue
        if series.days[recent - 1] - series.days[first] < _PATTERN_SPAN:
            continue
        sigma = max(float(history.std(ddof=1)), _LEAST_SIGMA)
        off = float(series.scores[recent : index + 1].mean() - history.mean())
        if abs(off) > _PATTERN_SIGMAS * sigma:
            yield _Seen(recent, index, abs(off), _PATTERN_SIGMAS * sigma)


def _merged(found: Iterator[_Seen], series: Series) -> Iterator[_Seen]:
    """What overlaps or follows within a week is one: from the first to where it is largest."""
    group: list[_Seen] = []
    for seen in found:
        if group and series.days[seen.first] - series.days[group[-1].last] > _WEEK:
            yield _one(group)
            group = []
        group.append(seen)
    if group:
        yield _one(group)


def _one(group: Sequence[_Seen]) -> _Seen:
    largest = max(group, key=lambda seen: seen.size)
    return _Seen(group[0].first, largest.last, largest.size, largest.threshold)


def _overlap(one: Anomaly, other: Anomaly) -> bool:
    return one.began <= other.ended and other.began <= one.ended


def _drop(series: Series, seen: _Seen) -> Anomaly:
    """Shown at its largest fall, although several readings may have been beyond the threshold."""
    size = seen.size
    own = ", more than this account's own drops" if seen.threshold > _DROP_POINTS else ""
    severity: Severity = "high" if size >= 2 * seen.threshold else "medium" if size >= 1.5 * seen.threshold else "low"
    return _anomaly(
        series,
        seen,
        AnomalyKind.SUDDEN_DROP,
        severity,
        f"{_name(series)} fell by {size:.0f} points within a week{own}. Unusual: look what happened.",
    )


def _decline(series: Series, seen: _Seen) -> Anomaly:
    days = round(float(series.days[seen.last] - series.days[seen.first]))
    score = series.scores[seen.last]
    severity: Severity = "high" if score < LOW_SCORE else "medium"
    lost = series.scores[seen.first] - score
    return _anomaly(
        series,
        seen,
        AnomalyKind.SUSTAINED_DECLINE,
        severity,
        f"{_name(series)} has been declining for {days} days: {lost:.0f} points lower, at {score:.0f} of 100.",
    )


def _pattern(series: Series, seen: _Seen) -> Anomaly:
    recent = series.scores[seen.first : seen.last + 1].mean()
    history = series.scores[: seen.first]
    where = "below" if recent < history[-60:].mean() else "above"
    severity: Severity = "medium" if seen.size >= 1.5 * seen.threshold else "low"
    return _anomaly(
        series,
        seen,
        AnomalyKind.UNUSUAL_PATTERN,
        severity,
        f"{_name(series)} was {seen.size:.0f} points {where} its own usual level of the half year before.",
    )


def _anomaly(series: Series, seen: _Seen, kind: AnomalyKind, severity: Severity, description: str) -> Anomaly:
    marked = series.points(seen.first, seen.last)
    step = max(1, -(-len(marked) // _MOST_EVIDENCE))
    evidence = (*marked[:-1:step], marked[-1])
    return Anomaly(
        dimension=series.dimension,
        kind=kind,
        meaning="risk" if kind is AnomalyKind.SUSTAINED_DECLINE else "unusual",
        severity=severity,
        began=series.at[seen.first],
        ended=series.at[seen.last],
        points=float(series.scores[seen.last] - series.scores[seen.first]),
        threshold=round(seen.threshold, 1),
        description=description,
        possible_causes=(),
        evidence=evidence,
    )


def _name(series: Series) -> str:
    return "Health" if series.dimension == "overall" else series.dimension.capitalize()
