"""Skill by group, with its interval."""

from collections.abc import Sequence

import plotly.graph_objects as go

from cs_ml.evaluation.report import Evaluation, Figure
from cs_ml.ui.charts.theme import NEUTRAL, SERIES, label, new_figure, say_empty

_ROW = 30
_LOWEST = -200  # percent: what lies below is drawn at the edge, or the rest could not be read


def skill_figure(groups: Sequence[tuple[str, Evaluation, bool]]) -> go.Figure:
    """Skill against each group's own base rate, in percent; (name, evaluation, whether it is too small to tell)."""
    figure = new_figure(height=110 + _ROW * max(len(groups), 1))
    known = [(name, one.figure("skill"), faint) for name, one, faint in groups if one.figure("skill").value is not None]
    if not known:
        return say_empty(figure, "No group in which some left and some stayed")
    spans = [_span(skill) for _, skill, _ in known]
    figure.add_trace(
        go.Scatter(
            x=[value for value, _, _ in spans],
            y=[label(name) for name, _, _ in known],
            mode="markers",
            marker={
                "size": 11,
                "color": [NEUTRAL if faint else SERIES[0] for _, _, faint in known],
                "symbol": ["circle-open" if faint else "circle" for _, _, faint in known],
            },
            error_x={
                "array": [high - value for value, _, high in spans],
                "arrayminus": [value - low for value, low, _ in spans],
                "color": NEUTRAL,
                "thickness": 1.5,
            },
            customdata=[skill.n for _, skill, _ in known],
            hovertemplate="%{y}: %{x:.0f} % (%{customdata} predictions)<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": NEUTRAL, "dash": "dash", "width": 1.5})
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_xaxes(ticksuffix=" %", title="Skill against the group's usual rate", zeroline=False)
    figure.update_layout(margin={"t": 8})
    return figure


def skill_words(groups: Sequence[tuple[str, Evaluation, bool]]) -> str:
    """What the figure shows, in a sentence per group."""
    told = [
        f"{name}: {'too few to tell' if faint or value is None else f'{value:.0%}'} (n={one.n})"
        for name, one, faint in groups
        for value in [one.figure("skill").value]
    ]
    return f"Skill by group. {'. '.join(told)}."


def _span(skill: Figure) -> tuple[float, float, float]:
    """Value and interval in percent; without an interval, of no length."""
    value = skill.value or 0.0
    ends = (value, value if skill.low is None else skill.low, value if skill.high is None else skill.high)
    value, low, high = (max(end * 100, _LOWEST) for end in ends)
    return value, low, high
