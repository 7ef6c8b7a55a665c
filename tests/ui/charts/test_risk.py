"""What the risk is made of, and how it went."""

from datetime import UTC, datetime, timedelta

import pytest

from cs_ml.domain.health.timeline import PastPrediction
from cs_ml.domain.policy import RiskBand
from cs_ml.ui.charts.risk import parts_figure, risk_history_figure, risk_history_words

START = datetime(2026, 6, 1, tzinfo=UTC)


def past(day: int, probability: float, band: RiskBand) -> PastPrediction:
    return PastPrediction(
        at=START + timedelta(days=day),
        probability=probability,
        base_rate=0.1,
        band=band,
        engine="rules",
        origin="single",
        window_days=90,
        fallback_reason=None,
        churned=None,
    )


def test_the_parts_add_up_to_the_total() -> None:
    figure = parts_figure([("Start", 0.05), ("Silence", 0.35), ("Clip", -0.02)], 0.38)
    bars = figure.data[0]
    assert list(bars.measure) == ["absolute", "relative", "relative", "total"]
    assert sum(bars.x[:-1]) == pytest.approx(bars.x[-1])
    assert list(bars.text) == ["5 %", "+35.0", "\N{MINUS SIGN}2.0", "38 %"]
    assert list(figure.layout.yaxis.ticktext) == ["Start", "Silence", "Clip", "Chance of leaving"]


def test_long_names_are_cut_and_tags_are_text() -> None:
    figure = parts_figure([("<b>" + "x" * 60, 0.5)], 0.5)
    assert figure.layout.yaxis.ticktext[0].startswith("&lt;b>x")
    assert figure.layout.yaxis.ticktext[0].endswith("…")
    assert figure.data[0].customdata[0] == "&lt;b>" + "x" * 60


def test_no_parts_no_bars() -> None:
    figure = parts_figure([], 0.5)
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "This prediction is not a sum of parts"


def test_each_prediction_is_marked_by_its_band() -> None:
    figure = risk_history_figure([past(0, 0.2, RiskBand.LOW), past(9, 0.7, RiskBand.HIGH)], zone=UTC)
    assert [trace.name for trace in figure.data] == ["Usual here", "Chance", "High risk", "Low risk"]
    assert list(figure.data[1].y) == pytest.approx([20, 70])
    assert figure.data[2].marker.symbol != figure.data[3].marker.symbol
    assert figure.layout.yaxis.title.text == "Chance of leaving"


def test_without_predictions_the_figure_says_so() -> None:
    figure = risk_history_figure([], zone=UTC)
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == risk_history_words([]).rstrip(".")


def test_the_words_of_the_history() -> None:
    predictions = [past(0, 0.2, RiskBand.LOW), past(5, 0.8, RiskBand.CRITICAL), past(9, 0.7, RiskBand.HIGH)]
    assert risk_history_words(predictions) == "Chance of leaving at 3 predictions: from 20% to 70%, highest 80%."
