"""What the statistics add to the health figure: what stands out, and where the score is expected to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import plotly.graph_objects as go

from cs_ml.domain.context import Dimension
from cs_ml.domain.health.insights import Anomaly, AnomalyKind, HealthForecast
from cs_ml.domain.health.timeline import AccountEvent, HealthReading
from cs_ml.ui.charts.health import health_figure
from cs_ml.ui.charts.theme import ALARM, NEUTRAL, SERIES, WARN, faded, label

ANOMALY_WORDS: Mapping[AnomalyKind, str] = {
    AnomalyKind.SUDDEN_DROP: "Sudden drop (unusual)",
    AnomalyKind.SUSTAINED_DECLINE: "Decline (risk)",
    AnomalyKind.UNUSUAL_PATTERN: "Unusual level",
}
_MARKS: Mapping[AnomalyKind, tuple[str, str]] = {
    AnomalyKind.SUDDEN_DROP: ("triangle-down", WARN),
    AnomalyKind.SUSTAINED_DECLINE: ("diamond", ALARM),
    AnomalyKind.UNUSUAL_PATTERN: ("hexagram", SERIES[3]),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """A forecast, and where it starts from."""

    since: datetime
    score: int
    forecast: HealthForecast


def trend_figure(
    readings: Sequence[HealthReading],
    events: Sequence[AccountEvent],
    dimensions: Sequence[Dimension],
    *,
    anomalies: Sequence[Anomaly],
    outlook: Outlook | None,
    span: tuple[datetime, datetime],
    zone: tzinfo,
) -> go.Figure:
    """The health figure with marks for the anomalies of the shown dimensions, and the fan of the forecast."""
    since, until = span
    ahead = outlook if outlook and "overall" in dimensions and outlook.forecast.at > until else None
    end = ahead.forecast.at if ahead else until
    figure = health_figure(readings, events, dimensions, span=(since, end), zone=zone)
    if not figure.data:
        return figure
    traces = _fan(ahead, zone) if ahead else []
    shown = [one for one in anomalies if one.dimension in dimensions and one.ended > since]
    traces += [
        _marked(kind, marks, zone) for kind in AnomalyKind if (marks := [one for one in shown if one.kind is kind])
    ]
    figure.add_traces(traces)
    figure.update_layout(showlegend=len(figure.data) > 1, clickmode="event+select")
    return figure


def trend_words(anomalies: Sequence[Anomaly], dimensions: Sequence[Dimension], outlook: Outlook | None) -> str:
    """What the figure adds, in a sentence or two."""
    shown = sum(one.dimension in dimensions for one in anomalies)
    words = f" Marked as standing out: {shown}."
    if outlook is None:
        return words
    found = outlook.forecast
    interval = "" if found.low is None or found.high is None else f", from {found.low:.0f} to {found.high:.0f}"
    return f"{words} Expected in 30 days: {found.score:.0f}{interval}."


def _fan(outlook: Outlook, zone: tzinfo) -> list[dict[str, Any]]:
    """A line to the expected score, and the interval as an opening area, where there is one."""
    found = outlook.forecast
    start, end = outlook.since.astimezone(zone), found.at.astimezone(zone)
    traces: list[dict[str, Any]] = []
    if found.low is not None and found.high is not None:
        traces.append(
            {
                "type": "scatter",
                "name": "8 in 10 lie here",
                "x": [start, end, end, start],
                "y": [outlook.score, found.high, found.low, outlook.score],
                "fill": "toself",
                "fillcolor": faded(NEUTRAL, 0.25),
                "line": {"width": 1, "color": faded(NEUTRAL, 0.6), "dash": "dot"},
                "mode": "lines",
                "hoverinfo": "skip",
            }
        )
    interval = "" if found.low is None else f", 8 in 10 from {found.low:.0f} to {found.high:.0f}"
    traces.append(
        {
            "type": "scatter",
            "name": "Expected",
            "x": [start, end],
            "y": [outlook.score, found.score],
            "mode": "lines+markers",
            "marker": {"symbol": ["circle", "circle-open"], "size": [1, 10], "color": NEUTRAL},
            "line": {"color": NEUTRAL, "dash": "dot", "width": 3},
            "hovertemplate": f"expected %{{y:.0f}} of 100{interval}<br>%{{x|%-d %b %Y}}",
        }
    )
    return traces


def _marked(kind: AnomalyKind, anomalies: Sequence[Anomaly], zone: tzinfo) -> dict[str, Any]:
    symbol, colour = _MARKS[kind]
    return {
        "type": "scatter",
        "name": ANOMALY_WORDS[kind].partition(" (")[0],  # long names leave a phone no room for the plot
        "x": [one.ended.astimezone(zone) for one in anomalies],
        "y": [one.evidence[-1].score for one in anomalies],
        "mode": "markers",
        "marker": {"symbol": symbol, "size": 14, "color": colour, "line": {"width": 1.5, "color": "white"}},
        "text": [label(one.description) for one in anomalies],
        "hovertemplate": "%{text}<br>%{x|%-d %b %Y}<extra></extra>",
    }
