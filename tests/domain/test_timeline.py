"""Since when an account lies in its band."""

from datetime import UTC, datetime, timedelta

from cs_ml.domain.health.timeline import PastPrediction, band_since
from cs_ml.domain.policy import RiskBand

START = datetime(2026, 6, 1, tzinfo=UTC)
LOW, HIGH = RiskBand.LOW, RiskBand.HIGH


def history(*bands: RiskBand) -> list[PastPrediction]:
    return [
        PastPrediction(
            at=START + timedelta(days=day),
            probability=0.5,
            base_rate=0.1,
            band=band,
            engine="rules",
            origin="single",
            window_days=90,
            fallback_reason=None,
            churned=None,
        )
        for day, band in enumerate(bands)
    ]


def test_the_newest_unbroken_run_counts() -> None:
    assert band_since(history(HIGH, LOW, HIGH, HIGH), HIGH) == START + timedelta(days=2)
    assert band_since(history(HIGH, HIGH), HIGH) == START


def test_another_band_now_or_no_history_is_not_known() -> None:
    assert band_since(history(HIGH, LOW), HIGH) is None
    assert band_since([], HIGH) is None
