"""How every figure looks. Backgrounds stay transparent and text takes Streamlit's theme, so that light and dark both
work; every colour has a contrast of 3 or more on white and on the dark background, and none stands alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from cs_ml.domain.policy import RiskBand

WARN, ALARM = "#B8860B", "#D0344B"
# Blue, amber, orange, red: an order that people with any colour vision can follow.
BAND_COLOURS: Mapping[RiskBand, str] = {
    RiskBand.LOW: "#3B82C4",
    RiskBand.MEDIUM: WARN,
    RiskBand.HIGH: "#E0701A",
    RiskBand.CRITICAL: ALARM,
}
BAND_SYMBOLS: Mapping[RiskBand, str] = {
    RiskBand.LOW: "circle-open",
    RiskBand.MEDIUM: "circle",
    RiskBand.HIGH: "triangle-up",
    RiskBand.CRITICAL: "diamond",
}
NEUTRAL = "#808080"
INCREASE, DECREASE = ALARM, BAND_COLOURS[RiskBand.LOW]
# After Okabe and Ito, darkened where white needs it.
SERIES = ("#3B82C4", "#D55E00", "#009E73", "#B8608F", "#9A7D0A")
DATES = "%-d %b\n%Y"  # on an axis; a year is written only where it begins
_LEGEND: Mapping[str, Any] = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0}
# For a figure with many entries: as wide as the longest, so that a phone shows two side by side.
COLUMNS: Mapping[str, Any] = {**_LEGEND, "entrywidth": 88, "font": {"size": 12}}
_EMPTY_HEIGHT = 120
TRANSPARENT = "rgba(0,0,0,0)"

Trace = dict[str, Any]  # plain values of a plotly trace, with its `type`


def new_figure(
    *,
    height: int,
    traces: Sequence[Trace] = (),
    xaxis: Mapping[str, Any] | None = None,
    yaxis: Mapping[str, Any] | None = None,
    **layout: Any,
) -> go.Figure:
    """A figure of our look; `height` in pixels.

    Made in one step from plain values: each later `add_` or `update_` costs several times as much.
    """
    look: dict[str, Any] = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 32, "b": 8},
        "paper_bgcolor": TRANSPARENT,
        "plot_bgcolor": TRANSPARENT,
        "hoverlabel": {"namelength": -1},
        "legend": _LEGEND,
        "showlegend": False,
        "xaxis": {"automargin": True, **(xaxis or {})},
        "yaxis": {"automargin": True, **(yaxis or {})},
    }
    look["margin"] |= layout.pop("margin", {})
    return go.Figure(data=list(traces), layout=look | layout)


def say_empty(figure: go.Figure, words: str) -> go.Figure:
    """A figure without data says so, and takes little room."""
    figure.update_layout(height=_EMPTY_HEIGHT)
    figure.add_annotation(text=words, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def faded(colour: str, strength: float) -> str:
    """`#rrggbb` at `strength` 0..1."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength})"


def label(text: str) -> str:
    """Text of others for a figure, which reads tags and links in its texts: shown as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
