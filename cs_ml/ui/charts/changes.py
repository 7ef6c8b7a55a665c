"""What changed, as bars that lead from one figure to the other."""

import plotly.graph_objects as go

from cs_ml.domain.health.changes import Change
from cs_ml.domain.policy import RiskBand
from cs_ml.ui.charts.theme import ALARM, BAND_COLOURS, NEUTRAL, faded, label, new_figure, say_empty

_ROW = 26
_LONGEST_LABEL = 34


def change_figure(change: Change, *, more_is_worse: bool) -> go.Figure:
    """Each part that moved, from `before` on top to `after` at the bottom; red is what is worse."""
    moved = [part for part in change.parts if part.points]
    figure = new_figure(height=90 + _ROW * (len(moved) + 2))
    if not moved:
        return say_empty(figure, "Nothing moved")
    names = ["Before", *(part.label for part in moved), "After"]
    worse, better = {"color": ALARM}, {"color": BAND_COLOURS[RiskBand.LOW]}
    figure.add_traces(
        [
            {
                "type": "waterfall",
                "orientation": "h",
                "y": list(range(len(names))),
                "x": [float(change.before), *(float(part.points) for part in moved), float(change.after)],
                "measure": ["absolute", *("relative" for _ in moved), "total"],
                "text": [str(change.before), *(_signed(float(part.points)) for part in moved), str(change.after)],
                "textposition": "outside",
                "hovertemplate": "%{customdata}: %{text}<extra></extra>",
                "customdata": [label(name) for name in names],
                "increasing": {"marker": worse if more_is_worse else better},
                "decreasing": {"marker": better if more_is_worse else worse},
                "totals": {"marker": {"color": NEUTRAL}},
                "connector": {"line": {"color": faded(NEUTRAL, 0.5), "width": 1}},
                "cliponaxis": False,
            }
        ]
    )
    figure.update_yaxes(
        autorange="reversed",
        tickvals=list(range(len(names))),
        ticktext=[label(_short(name)) for name in names],
        showgrid=False,
    )
    figure.update_xaxes(range=_range(change), title="Points of 100")
    figure.update_layout(margin={"t": 8})
    return figure


def _range(change: Change) -> list[float]:
    """Room for the numbers beside the bars."""
    running, reached = float(change.before), [0.0, float(change.before), float(change.after)]
    for part in change.parts:
        running += float(part.points)
        reached.append(running)
    return [min(reached) - 6, max(reached) * 1.15 + 8]


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "\N{MINUS SIGN}")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"
