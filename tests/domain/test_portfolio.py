"""The range of what is likely to be lost, by hand and by simulation."""

import random
from decimal import Decimal

import pytest

from cs_ml.domain.portfolio import LossSums, loss_range


def sums(risks: list[tuple[float, float, float]]) -> LossSums:
    """`risks`: probability, base rate, revenue."""
    return LossSums(
        accounts=len(risks),
        p=sum(p for p, _, _ in risks),
        b=sum(b for _, b, _ in risks),
        a=sum(a for _, _, a in risks),
        pa=sum(p * a for p, _, a in risks),
        pa2=sum(p * a**2 for p, _, a in risks),
        p2a2=sum((p * a) ** 2 for p, _, a in risks),
    )


def test_by_hand() -> None:
    """100 accounts of 100 at 50 %: 5,000, standard deviation 500; at the usual 10 %: 1,000 and 300."""
    found = loss_range("USD", sums([(0.5, 0.1, 100.0)] * 100))
    assert (found.low, found.high, found.accounts) == (Decimal(1000 - 384), Decimal(5000 + 641), 100)


def test_the_other_way_round() -> None:
    found = loss_range("USD", sums([(0.1, 0.5, 100.0)] * 100))
    assert (found.low, found.high) == (Decimal(1000 - 384), Decimal(5000 + 641))


def test_eight_in_ten_simulated_losses_lie_inside() -> None:
    chance = random.Random(4)
    risks = [(p := chance.uniform(0.02, 0.5), p, chance.uniform(1e3, 9e4)) for _ in range(200)]
    found = loss_range("USD", sums(risks))
    losses = [sum(a for p, _, a in risks if chance.random() < p) for _ in range(2_000)]
    assert sum(found.low <= loss <= found.high for loss in losses) / len(losses) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("risk", [(0.98, 0.1, 500.0), (0.02, 0.9, 500.0), (0.0, 0.1, 500.0), (0.5, 0.1, 0.0)])
def test_never_less_than_nothing_nor_more_than_all(risk: tuple[float, float, float]) -> None:
    found = loss_range(None, sums([risk]))
    assert 0 <= found.low <= found.high <= Decimal(str(risk[2]))
