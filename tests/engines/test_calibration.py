from random import Random

import numpy as np
import pytest

from cs_ml.engines.calibration.fitting import MIN_OUTCOMES, fit_calibration, fit_venn_abers
from cs_ml.engines.calibration.numbers import Calibration


def forecasts(count: int, *, factor: float = 3.0, seed: int = 1) -> tuple[list[float], list[bool]]:
    """Over-confident ones: the odds are stretched by `factor`."""
    rng, chances, churned = Random(seed), [], []
    for _ in range(count):
        odds = rng.gauss(-1.5, 1)
        churned.append(rng.random() < 1 / (1 + np.exp(-odds)))
        chances.append(float(1 / (1 + np.exp(-factor * odds))))
    return chances, churned


def brier(chances: list[float], churned: list[bool]) -> float:
    return float(np.mean((np.array(chances) - np.array(churned, dtype=float)) ** 2))


@pytest.mark.parametrize(("count", "method"), [(100, "platt"), (600, "venn_abers")])
def test_over_confident_chances_come_closer_to_what_happens(count: int, method: str) -> None:
    found = fit_calibration(*forecasts(count))
    chances, churned = forecasts(2000, seed=2)
    assert found is not None
    assert found.method == method
    adjusted = [found.adjust(chance) for chance in chances]
    assert brier(adjusted, churned) < brier(chances, churned)
    assert all(0 <= chance <= 1 for chance in adjusted)


@pytest.mark.parametrize("count", [100, 600])
def test_the_order_stays(count: int) -> None:
    found = fit_calibration(*forecasts(count))
    assert found is not None
    adjusted = [found.adjust(step / 100) for step in range(101)]
    assert adjusted == sorted(adjusted)


def test_too_few_adjust_nothing() -> None:
    assert fit_calibration(*forecasts(MIN_OUTCOMES - 1)) is None
    assert fit_calibration([0.2] * 100, [True, True] + [False] * 98) is None


def test_numbers_survive_storage() -> None:
    for found in (fit_calibration(*forecasts(60)), fit_calibration(*forecasts(600)), Calibration()):
        assert found is not None
        assert Calibration.load(found.dump()) == found


def test_venn_abers_by_hand() -> None:
    """One score for all, 1 of 3 true: p0 = 1/4, p1 = 2/4, merged 0.5 / (1 - 0.25 + 0.5)."""
    found = fit_venn_abers(np.array([0.3, 0.3, 0.3]), np.array([1.0, 0.0, 0.0]))
    assert found.adjust(0.3) == pytest.approx(0.4)
