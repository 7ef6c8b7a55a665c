"""What the model costs, by day."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import plotly.graph_objects as go

from cs_ml.ui.charts.theme import DATES, SERIES, label, new_figure, say_empty

_SHAPES = ("", "/", ".", "x", "-")


def cost_figure(models: Mapping[str, Sequence[tuple[date, Decimal]]]) -> go.Figure:
    """US dollars by model and day, stacked."""
    figure = new_figure(height=240)
    if not any(models.values()):
        return say_empty(figure, "Nothing was spent")
    for number, (model, days) in enumerate(sorted(models.items())):
        figure.add_trace(
            go.Bar(
                name=label(model),
                x=[day for day, _ in days],
                y=[float(cost) for _, cost in days],
                marker={
                    "color": SERIES[number % len(SERIES)],
                    "pattern": {"shape": ("", "/", ".", "x", "-")[number % 5]},
                },
                hovertemplate="%{x|%-d %b %Y}: %{y:.4f} USD<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_layout(barmode="stack", showlegend=len(models) > 1)
    figure.update_xaxes(tickformat=DATES, type="date")
    figure.update_yaxes(title="US dollars a day", rangemode="tozero")
    return figure
