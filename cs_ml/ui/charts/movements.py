"""The bands of health of a portfolio, week by week."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo

import plotly.graph_objects as go

from cs_ml.domain.health.movements import BandWeek
from cs_ml.domain.policy import HEALTH_BANDS, HealthBand
from cs_ml.ui.charts.theme import ALARM, DATES, NEUTRAL, SERIES, WARN, new_figure, say_empty

# The worst at the bottom, so that its growth is seen against a straight line.
_ORDER: Sequence[HealthBand | None] = (*reversed(list(HEALTH_BANDS)), None)
_COLOURS: Mapping[HealthBand | None, str] = {
    **dict(zip(HEALTH_BANDS, (SERIES[0], SERIES[2], WARN, ALARM), strict=True)),
    None: NEUTRAL,
}
_PATTERNS: Mapping[HealthBand | None, str] = {
    **dict(zip(HEALTH_BANDS, ("", "/", "x", "\\"), strict=True)),
    None: ".",
}


# Over the whole colour, so that it is seen on light and dark alike.
_LINES: dict[str, str | float] = {"fillmode": "overlay", "fgcolor": "white", "fgopacity": 0.45, "size": 6}


def band_word(band: HealthBand | None) -> str:
    return "No score" if band is None else band.value.capitalize()


def bands_figure(weeks: Sequence[BandWeek], *, zone: tzinfo) -> go.Figure:
    """A bar for each week, stacked by band; told apart by pattern too."""
    figure = new_figure(height=320)
    if not any(week.accounts for week in weeks):
        return say_empty(figure, "No accounts in these weeks")
    traces = [
        {
            "type": "bar",
            "name": band_word(band),
            "x": [week.at.astimezone(zone) for week in weeks],
            "y": [week.accounts.get(band, 0) for week in weeks],
            "marker": {"color": _COLOURS[band], "pattern": _LINES | {"shape": _PATTERNS[band]}},
            "hovertemplate": "%{y} accounts on %{x|%-d %b %Y}",
        }
        for band in _ORDER
        if any(band in week.accounts for week in weeks)
    ]
    figure.add_traces(traces)
    figure.update_layout(barmode="stack", showlegend=True, bargap=0.15)
    figure.update_xaxes(tickformat=DATES)
    figure.update_yaxes(title="Accounts", nticks=6)
    return figure


def bands_words(weeks: Sequence[BandWeek]) -> str:
    if not weeks:
        return "No weeks."
    first, last = weeks[0].accounts, weeks[-1].accounts
    sentences = [
        f"{band_word(band)}: from {first.get(band, 0)} to {last.get(band, 0)} accounts."
        for band in reversed(_ORDER)
        if band in first or band in last
    ]
    return f"Accounts by band of health over {len(weeks)} weeks. {' '.join(sentences)}"
