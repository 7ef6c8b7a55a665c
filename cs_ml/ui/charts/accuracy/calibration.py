"""What was predicted against what came, and how often each chance was given."""

from collections.abc import Sequence
from math import ceil

import plotly.graph_objects as go

from cs_ml.evaluation.report import CalibrationBin
from cs_ml.ui.charts.theme import NEUTRAL, SERIES, faded, new_figure, say_empty

_HISTOGRAM = (0.0, 0.22)  # of the height, below
_DIAGRAM = (0.34, 1.0)
_STEP = 5  # percent, of the histogram


def calibration_figure(
    bins: Sequence[CalibrationBin], left: Sequence[float], stayed: Sequence[float], *, faint: bool
) -> go.Figure:
    """Bins as marks with their intervals beside the line where forecasts are right; below, the chances (0..1) of those
    that left and of those that stayed. `faint`: too few to tell anything."""
    figure = new_figure(height=460)
    if not bins:
        return say_empty(figure, "Nothing is judged yet")
    top = _round_up(max(max(one.high, one.predicted) for one in bins) * 100)
    figure.add_trace(
        go.Scatter(
            name="Right",
            x=[0, top],
            y=[0, top],
            mode="lines",
            line={"color": NEUTRAL, "dash": "dash", "width": 1.5},
            hoverinfo="skip",
        )
    )
    figure.add_trace(_marks(bins, NEUTRAL if faint else SERIES[0]))
    for name, chances, colour in (("Left", left, SERIES[1]), ("Stayed", stayed, SERIES[0])):
        figure.add_trace(_histogram(name, chances, NEUTRAL if faint else colour, hatched=name == "Left"))
    figure.update_layout(
        barmode="stack",
        bargap=0.05,
        showlegend=True,
        yaxis={"domain": _DIAGRAM, "range": [0, top * 1.02], "ticksuffix": " %", "title": "Left"},
        yaxis2={"domain": _HISTOGRAM, "title": "Predictions", "nticks": 4, "automargin": True},
        xaxis={"anchor": "y2", "range": [0, top * 1.02], "ticksuffix": " %", "title": "Predicted chance of leaving"},
    )
    return figure


def calibration_words(bins: Sequence[CalibrationBin]) -> str:
    """What the figure shows, in sentences."""
    if not bins:
        return "Nothing is judged yet."
    inside = sum(one.low <= one.predicted <= one.high for one in bins)
    pairs = "; ".join(f"{one.predicted:.0%} predicted, {one.observed:.0%} left (n={one.n})" for one in bins)
    return f"Predicted chance against the share that left. {pairs}. In {inside} of {len(bins)} groups the two agree."


def _marks(bins: Sequence[CalibrationBin], colour: str) -> go.Scatter:
    most = max(one.n for one in bins)
    return go.Scatter(
        name="Groups of predictions, 95 % interval",
        x=[one.predicted * 100 for one in bins],
        y=[one.observed * 100 for one in bins],
        mode="markers",
        cliponaxis=False,
        marker={"color": colour, "size": [8 + 8 * (one.n / most) ** 0.5 for one in bins]},
        error_y={
            "array": [(one.high - one.observed) * 100 for one in bins],
            "arrayminus": [(one.observed - one.low) * 100 for one in bins],
            "color": faded(colour, 0.7),
            "thickness": 1.5,
        },
        customdata=[[one.n, one.accounts, one.low * 100, one.high * 100] for one in bins],
        hovertemplate="predicted %{x:.0f} %, left %{y:.0f} % (%{customdata[2]:.0f} to %{customdata[3]:.0f} %)"
        "<br>%{customdata[0]} predictions of %{customdata[1]} customers<extra></extra>",
    )


def _histogram(name: str, chances: Sequence[float], colour: str, *, hatched: bool) -> go.Bar:
    counts = [0] * (100 // _STEP)
    for chance in chances:
        counts[min(int(chance * 100 / _STEP), len(counts) - 1)] += 1
    return go.Bar(
        name=name,
        x=[number * _STEP + _STEP / 2 for number in range(len(counts))],
        y=counts,
        yaxis="y2",
        marker={"color": colour, "pattern": {"shape": "/" if hatched else ""}},
        customdata=[[number * _STEP, (number + 1) * _STEP] for number in range(len(counts))],
        hovertemplate=f"{name}: %{{y}} predictions of %{{customdata[0]}} to %{{customdata[1]}} %<extra></extra>",
    )


def _round_up(percent: float) -> float:
    return min(max(10 * ceil(percent / 10), 20), 100)
