"""What the model costs, by day."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import plotly.graph_objects as go

from cs_ml.ui.charts.theme import DATES, SERIES, label, new_figure, say_empty

_SHAPES = ("", "/", ".", "x", "-")
_BAR_MS = 0.8 * 24 * 60 * 60 * 1000  # of a day; by itself a single bar would be a line


def cost_figure(models: Mapping[str, Sequence[tuple[date, Decimal]]], first: date, last: date) -> go.Figure:
    """US dollars by model and day, stacked; the days from `first` to `last`."""
    figure = new_figure(height=240)
    if not any(models.values()):
        return say_empty(figure, "Nothing was spent")
    for number, (model, days) in enumerate(sorted(models.items())):
        figure.add_trace(
            go.Bar(
                name=label(model),
                x=[day for day, _ in days],
                y=[float(cost) for _, cost in days],
                width=_BAR_MS,
                marker={
                    "color": SERIES[number % len(SERIES)],
                    "pattern": {"shape": _SHAPES[number % len(_SHAPES)]},
                },
                hovertemplate="%{x|%-d %b %Y}: %{y:.4f} USD<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_layout(barmode="stack", showlegend=len(models) > 1)
    noons = [f"{day} 12:00" for day in (first - timedelta(days=1), last)]  # so that each bar is there as a whole
    figure.update_xaxes(tickformat=DATES, type="date", range=noons)
    figure.update_yaxes(title="US dollars a day", rangemode="tozero")
    return figure
