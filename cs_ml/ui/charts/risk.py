"""The risk of one account: what it is made of, and how it went."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import plotly.graph_objects as go

from cs_ml.domain.health.timeline import PastPrediction
from cs_ml.domain.policy import RiskBand
from cs_ml.ui.charts.theme import (
    BAND_COLOURS,
    BAND_SYMBOLS,
    DATES,
    DECREASE,
    INCREASE,
    NEUTRAL,
    Trace,
    faded,
    label,
    new_figure,
    say_empty,
)

_ROW = 26
_LONGEST_LABEL = 34


def parts_figure(parts: Sequence[tuple[str, float]], total: float) -> go.Figure:
    """How the parts (shares of 0..1, the first is where it starts) add up to the chance `total`, top to bottom."""
    if not parts:
        return say_empty(new_figure(height=90), "This prediction is not a sum of parts")
    sums, running = [], 0.0
    for _, value in parts:
        running += value * 100
        sums.append(running)
    names = [*(_short(name) for name, _ in parts), "Chance of leaving"]
    return new_figure(
        height=90 + _ROW * len(names),
        traces=[_waterfall(parts, total)],
        margin={"t": 8},
        xaxis={
            "range": [0, min(max(sums) * 1.3 + 5, 118)],
            "ticksuffix": " %",
            "tick0": 0,
            "dtick": 20 if max(sums) > 40 else 10,
        },
        yaxis={
            "autorange": "reversed",
            "tickvals": list(range(len(names))),
            "ticktext": [label(name) for name in names],
            "showgrid": False,
        },
    )


def risk_history_figure(predictions: Sequence[PastPrediction], *, zone: tzinfo) -> go.Figure:
    """Each prediction as a mark of its band on a line, and the usual rate of that day as a dashed one."""
    if not predictions:
        return say_empty(new_figure(height=300), "No prediction is stored yet")
    at = [one.at.astimezone(zone) for one in predictions]
    marked = {band: [one for one in predictions if one.band is band] for band in RiskBand}
    marks = [_marks(band, those, zone) for band, those in marked.items() if those]
    top = max(max(one.probability, one.base_rate) for one in predictions) * 100
    return new_figure(
        height=300,
        traces=[_usual(predictions, at), _chance(predictions, at), *marks],
        showlegend=True,
        xaxis={"tickformat": DATES},
        yaxis={
            "range": [0, min(max(top * 1.2, 20), 102)],
            "ticksuffix": " %",
            "title": {"text": "Chance of leaving"},
            "nticks": 6,
        },
    )


def risk_history_words(predictions: Sequence[PastPrediction]) -> str:
    """What the figure shows, in a sentence."""
    if not predictions:
        return "No prediction is stored yet."
    first, last = predictions[0].probability, predictions[-1].probability
    return (
        f"Chance of leaving at {len(predictions)} predictions: from {first:.0%} to {last:.0%}, "
        f"highest {max(one.probability for one in predictions):.0%}."
    )


def _waterfall(parts: Sequence[tuple[str, float]], total: float) -> Trace:
    names = [*(name for name, _ in parts), "Chance of leaving"]
    return {
        "type": "waterfall",
        "orientation": "h",
        "y": list(range(len(names))),
        "x": [*(value * 100 for _, value in parts), total * 100],
        "measure": ["absolute", *("relative" for _ in parts[1:]), "total"],
        "text": [f"{parts[0][1] * 100:.0f} %", *(_points(value) for _, value in parts[1:]), f"{total * 100:.0f} %"],
        "textposition": "outside",
        "customdata": [label(name) for name in names],
        "hovertemplate": "%{customdata}: %{text}<extra></extra>",
        "increasing": {"marker": {"color": INCREASE}},
        "decreasing": {"marker": {"color": DECREASE}},
        "totals": {"marker": {"color": NEUTRAL}},
        "connector": {"line": {"color": faded(NEUTRAL, 0.5), "width": 1}},
        "cliponaxis": False,
    }


def _usual(predictions: Sequence[PastPrediction], at: Sequence[datetime]) -> Trace:
    return {
        "type": "scatter",
        "name": "Usual here",
        "x": at,
        "y": [one.base_rate * 100 for one in predictions],
        "mode": "lines",
        "line": {"color": NEUTRAL, "dash": "dash", "width": 1.5},
        "hovertemplate": "usual here: %{y:.0f} %",
    }


def _chance(predictions: Sequence[PastPrediction], at: Sequence[datetime]) -> Trace:
    return {
        "type": "scatter",
        "name": "Chance",
        "x": at,
        "y": [one.probability * 100 for one in predictions],
        "mode": "lines",
        "line": {"color": NEUTRAL, "width": 2},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _marks(band: RiskBand, predictions: Sequence[PastPrediction], zone: tzinfo) -> Trace:
    return {
        "type": "scatter",
        "name": f"{band.value.capitalize()} risk",
        "x": [one.at.astimezone(zone) for one in predictions],
        "y": [one.probability * 100 for one in predictions],
        "mode": "markers",
        "marker": {"symbol": BAND_SYMBOLS[band], "size": 11, "color": BAND_COLOURS[band], "line": {"width": 1.5}},
        "hovertemplate": "%{y:.0f} % on %{x|%-d %b %Y}",
    }


def _points(share: float) -> str:
    return f"{share * 100:+.1f}".replace("-", "\N{MINUS SIGN}")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"
