"""What warnings come to: at each threshold, by capacity, and how early they are."""

from collections.abc import Sequence
from math import ceil
from statistics import median

import plotly.graph_objects as go

from cs_ml.evaluation.report import Confusion
from cs_ml.ui.charts.theme import NEUTRAL, SERIES, new_figure, say_empty

_LEAD_STEP = 15  # days


def threshold_figure(warnings: Sequence[Confusion], thresholds: Sequence[float], chosen: float) -> go.Figure:
    """Precision and recall at each of `thresholds` (0..1), the chosen one marked."""
    figure = new_figure(height=280)
    if not warnings or not warnings[0].n:
        return say_empty(figure, "Nothing is judged yet")
    lines = (
        ("Warnings that came true", [one.precision for one in warnings], "solid", SERIES[0]),
        ("Leavers that were warned of", [one.recall for one in warnings], "dash", SERIES[1]),
    )
    for name, shares, dash, colour in lines:
        figure.add_trace(
            go.Scatter(
                name=name,
                x=[threshold * 100 for threshold in thresholds],
                y=[None if share is None else share * 100 for share in shares],
                mode="lines",
                line={"color": colour, "dash": dash, "width": 2, "shape": "hv"},
                hovertemplate="%{y:.0f} % at a threshold of %{x:.0f} %",
            )
        )
    figure.add_vline(x=chosen * 100, line={"color": NEUTRAL, "dash": "dot", "width": 1.5})
    figure.update_layout(showlegend=True)
    figure.update_xaxes(range=[0, 100], ticksuffix=" %", title="Threshold: warn from this chance on")
    figure.update_yaxes(range=[0, 102], ticksuffix=" %")
    return figure


def threshold_words(found: Confusion, threshold: float) -> str:
    return (
        f"Precision and recall by threshold. At {threshold:.0%}: {found.caught + found.false_alarms} warnings, "
        f"{found.caught} came true; {found.missed} customers left without one."
    )


def capacity_figure(capacities: Sequence[Confusion], chosen: int) -> go.Figure:
    """Share of the leavers among the k highest chances of each month, against drawing accounts blindly."""
    figure = new_figure(height=280)
    leavers = capacities[0].caught + capacities[0].missed if capacities else 0
    if not leavers:
        return say_empty(figure, "Nobody that left is judged yet")
    numbers = list(range(1, len(capacities) + 1))
    for name, shares, dash, colour in (
        ("By predicted chance", [one.recall for one in capacities], "solid", SERIES[0]),
        ("Drawn blindly", [(one.caught + one.false_alarms) / one.n for one in capacities], "dash", NEUTRAL),
    ):
        figure.add_trace(
            go.Scatter(
                name=name,
                x=numbers,
                y=[None if share is None else share * 100 for share in shares],
                mode="lines",
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate="%{x} a month: %{y:.0f} % of those that left",
            )
        )
    figure.add_vline(x=chosen, line={"color": NEUTRAL, "dash": "dot", "width": 1.5})
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title="Accounts worked a month", range=[0, len(capacities) + 1])
    figure.update_yaxes(range=[0, 102], ticksuffix=" %", title="Leavers among them")
    return figure


def capacity_words(found: Confusion, chosen: int) -> str:
    return f"With {chosen} accounts a month, {found.caught} of {found.caught + found.missed} leavers are among them."


def lead_figure(days: Sequence[float]) -> go.Figure:
    """How many days before the churn the first warning was."""
    figure = new_figure(height=240)
    if not days:
        return say_empty(figure, "Nobody that left was warned of at this threshold")
    counts = lead_counts(days)
    figure.add_trace(
        go.Bar(
            x=[f"{first} to {first + _LEAD_STEP - 1}" for first, _ in counts],
            y=[number for _, number in counts],
            marker={"color": SERIES[0]},
            hovertemplate="%{x} days before: %{y} customers<extra></extra>",
        )
    )
    figure.update_xaxes(title="Days from the first warning to the churn", type="category")
    figure.update_yaxes(title="Customers", dtick=ceil(max(number for _, number in counts) / 5))  # whole customers
    return figure


def lead_words(days: Sequence[float]) -> str:
    if not days:
        return "Nobody that left was warned of."
    return f"First warnings of {len(days)} customers, half of them {median(days):.0f} days or more ahead."


def lead_counts(days: Sequence[float]) -> list[tuple[int, int]]:
    """(first day of a span of 15, customers), up to the longest lead."""
    spans = int(max(days) // _LEAD_STEP) + 1 if days else 0
    return [(span * _LEAD_STEP, sum(span == int(lead // _LEAD_STEP) for lead in days)) for span in range(spans)]
