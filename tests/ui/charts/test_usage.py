"""The chart of what the model costs."""

from datetime import date
from decimal import Decimal

from cs_ml.ui.charts.usage import cost_figure

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 30)


def test_a_single_day_is_one_bar_of_the_whole_period() -> None:
    figure = cost_figure({"a model": [(LAST, Decimal("0.5"))]}, FIRST, LAST)
    assert list(figure.layout.xaxis.range) == ["2026-05-31 12:00", "2026-06-30 12:00"]
    (bar,) = figure.data
    assert (list(bar.x), list(bar.y), figure.layout.showlegend) == ([LAST], [0.5], False)


def test_models_are_stacked_and_told_apart_without_colour() -> None:
    days = [(FIRST, Decimal(1))]
    figure = cost_figure({"b": days, "a": days}, FIRST, LAST)
    assert [bar.name for bar in figure.data] == ["a", "b"]
    assert len({bar.marker.pattern.shape for bar in figure.data}) == 2
    assert (figure.layout.barmode, figure.layout.showlegend) == ("stack", True)


def test_without_costs_it_says_so() -> None:
    figure = cost_figure({"a": []}, FIRST, LAST)
    assert "Nothing was spent" in figure.layout.annotations[0].text
