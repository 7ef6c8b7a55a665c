"""The health of one account over time, and in words for those who do not see it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median
from typing import Any

import plotly.graph_objects as go

from cs_ml.domain.context import DIMENSIONS, Dimension
from cs_ml.domain.health.timeline import AccountEvent, EventKind, HealthReading
from cs_ml.domain.policy import HEALTH_BANDS, HealthBand
from cs_ml.ui.charts.theme import (
    ALARM,
    COLUMNS,
    DATES,
    NEUTRAL,
    SERIES,
    WARN,
    Trace,
    faded,
    label,
    new_figure,
    say_empty,
)

# A pause so many times the usual one is drawn as a gap, and never one shorter than this.
_GAP_FACTOR = 3
_SHORTEST_GAP = timedelta(days=3)
_EVENT_LANE = -7  # below the scores, so that no mark hides a line

_COLOURS: Mapping[Dimension, str] = dict(zip(DIMENSIONS, (NEUTRAL, *SERIES), strict=True))
_DASHES: Mapping[Dimension, str] = dict(
    zip(DIMENSIONS, ("solid", "longdash", "dash", "dot", "dashdot", "longdashdot"), strict=True)
)
_BAND_COLOURS: Mapping[HealthBand, str] = dict(zip(HEALTH_BANDS, (SERIES[0], SERIES[2], WARN, ALARM), strict=True))
_EVENT_MARKS: Mapping[EventKind, tuple[str, str]] = {
    EventKind.CTA_OPENED: ("triangle-right", SERIES[0]),
    EventKind.CTA_CLOSED: ("square", SERIES[2]),
    EventKind.PREDICTION: ("circle-open", NEUTRAL),
    EventKind.CONTRACT: ("star", SERIES[3]),
    EventKind.CHURN: ("x", SERIES[1]),
}


def health_figure(
    readings: Sequence[HealthReading],
    events: Sequence[AccountEvent],
    dimensions: Sequence[Dimension],
    *,
    span: tuple[datetime, datetime],
    zone: tzinfo,
) -> go.Figure:
    """One line per dimension (scores 0..100) on the bands of health, events in a lane below; pauses are gaps.

    `readings` oldest first; `span` is what the axis shows, whatever there is to draw.
    """
    shown = [(name, _series(readings, name)) for name in dimensions]
    if not any(series for _, series in shown):
        return say_empty(new_figure(height=360), "No health scores in this time; a longer one can be chosen above")
    traces = [_line(name, series, zone) for name, series in shown]
    marked = {kind: [event for event in events if event.kind is kind] for kind in EventKind}
    traces += [_marks(kind, marks, zone) for kind, marks in marked.items() if marks]
    return new_figure(
        height=400,
        traces=traces,
        showlegend=len(traces) > 1,
        hovermode="closest",
        margin={"r": 28},
        legend=COLUMNS,
        xaxis={"range": [at.astimezone(zone) for at in span], "showgrid": False, "tickformat": DATES},
        yaxis={
            "range": [2 * _EVENT_LANE if events else 0, 100],
            "tickvals": [0, *sorted(score for score in HEALTH_BANDS.values() if score), 100],
            "title": {"text": "Score, 0 to 100"},
            "showgrid": False,
            "zeroline": False,
        },
        **_bands(),
    )


def health_words(readings: Sequence[HealthReading], dimensions: Sequence[Dimension], events: int) -> str:
    """What the figure shows, as a sentence per dimension."""
    sentences = []
    for name in dimensions:
        series = _series(readings, name)
        if not series:
            sentences.append(f"{name.capitalize()}: no scores.")
            continue
        scores = [score for _, score in series]
        sentences.append(
            f"{name.capitalize()}: from {scores[0]} to {scores[-1]}, lowest {min(scores)}, highest {max(scores)}."
        )
    return f"Health scores over time. {' '.join(sentences)} Events marked: {events}."


def _series(readings: Sequence[HealthReading], name: Dimension) -> list[tuple[datetime, int]]:
    return [(reading.at, reading.scores[name]) for reading in readings if name in reading.scores]


def _with_gaps(series: Sequence[tuple[datetime, int]]) -> list[tuple[datetime, int | None]]:
    """The same with an empty point inside every pause that is long beside the usual one."""
    pauses = [after[0] - before[0] for before, after in pairwise(series)]
    if not pauses:
        return list(series)
    usual = timedelta(seconds=median(pause.total_seconds() for pause in pauses))
    longest = max(usual * _GAP_FACTOR, _SHORTEST_GAP)
    points: list[tuple[datetime, int | None]] = [series[0]]
    for (before, _), point in pairwise(series):
        if point[0] - before > longest:
            points.append((before + (point[0] - before) / 2, None))
        points.append(point)
    return points


def _line(name: Dimension, series: Sequence[tuple[datetime, int]], zone: tzinfo) -> Trace:
    points = _with_gaps(series)
    few = len(series) <= 40  # a mark for each is readable only while there are few
    return {
        "type": "scatter",
        "name": name.capitalize(),
        "x": [at.astimezone(zone) for at, _ in points],
        "y": [score for _, score in points],
        "mode": "lines+markers" if few else "lines",
        "line": {"color": _COLOURS[name], "dash": _DASHES[name], "width": 3 if name == "overall" else 2},
        "connectgaps": False,
        "hovertemplate": "%{y} of 100 on %{x|%-d %b %Y}",
    }


def _marks(kind: EventKind, events: Sequence[AccountEvent], zone: tzinfo) -> Trace:
    symbol, colour = _EVENT_MARKS[kind]
    return {
        "type": "scatter",
        "name": kind.value,
        "x": [event.at.astimezone(zone) for event in events],
        "y": [_EVENT_LANE] * len(events),
        "mode": "markers",
        "marker": {"symbol": symbol, "size": 11, "color": colour},
        "text": [label(event.text) for event in events],
        "hovertemplate": "%{text}<br>%{x|%-d %b %Y}",
        "cliponaxis": False,
    }


def _bands() -> Mapping[str, Any]:
    """The bands of health behind the lines, and their names at the right."""
    shapes, notes, top = [], [], 100
    for band, lowest in HEALTH_BANDS.items():
        fill = {"fillcolor": faded(_BAND_COLOURS[band], 0.10), "line": {"width": 0}, "layer": "below"}
        shapes.append({"type": "rect", "xref": "x domain", "x0": 0, "x1": 1, "y0": lowest, "y1": top, **fill})
        place = {
            "xref": "paper",
            "x": 1.005,
            "xanchor": "left",
            "y": (lowest + top) / 2,
            "textangle": 90,
            "font": {"size": 11},
        }
        notes.append({"text": band.value, "showarrow": False, **place})
        top = lowest
    return {"shapes": shapes, "annotations": notes}
