"""How good forecasts of a score were, and the two that everybody would try first: "stays as it is" and a straight line.

Arrays of one value per forecast; scores 0..100; intervals of 80 %.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

_Z80 = 1.2816  # two-sided 80 % of a normal distribution
_OUTSIDE = 0.2
LINE_DAYS = 90


@dataclass(frozen=True, slots=True)
class ScoreForecast:
    """NaN where the method has nothing to say."""

    score: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class IntervalFigures:
    """Over `n` forecasts. `interval_score_80` (Gneiting and Raftery 2007) is the width plus ten times what lies beyond:
    smaller is better."""

    n: int
    mae: float
    coverage_80: float
    interval_score_80: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DropFigures:
    """Brier scores over `n` chances of a drop: smaller is better."""

    n: int
    brier: float
    base_rate_brier: float


def interval_figures(forecast: ScoreForecast, actual: Floats) -> IntervalFigures:
    """Of one forecast at least."""
    below, above = np.maximum(forecast.low - actual, 0), np.maximum(actual - forecast.high, 0)
    return IntervalFigures(
        n=len(actual),
        mae=float(np.abs(forecast.score - actual).mean()),
        coverage_80=float(np.mean((actual >= forecast.low) & (actual <= forecast.high))),
        interval_score_80=float(np.mean(forecast.high - forecast.low + (below + above) * 2 / _OUTSIDE)),
    )


def drop_figures(chance: Floats, base_rate: Floats, dropped: NDArray[np.bool_]) -> DropFigures:
    """`base_rate`: what was known of it when each chance was given."""
    return DropFigures(
        n=len(dropped),
        brier=float(np.mean((chance - dropped) ** 2)),
        base_rate_brier=float(np.mean((base_rate - dropped) ** 2)),
    )


def stays(held: Floats, days: int) -> ScoreForecast:
    """The last score goes on; the interval is that of a random walk with the account's own daily steps.

    `held`: accounts by days, the last score going on between readings; the last column is the present.
    """
    steps = np.diff(held, axis=1)
    known = np.isfinite(steps)
    variance = np.where(known, steps, 0.0) ** 2
    per_day = variance.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return _normal(held[:, -1], np.sqrt(per_day * days))


def straight_line(readings: Floats, days: int) -> ScoreForecast:
    """Least squares through the readings of LINE_DAYS, with its textbook prediction interval.

    `readings`: accounts by days, NaN where there is none; the last column is the present.
    """
    recent = readings[:, -LINE_DAYS - 1 :]
    there = np.isfinite(recent)
    x = np.arange(recent.shape[1]) - (recent.shape[1] - 1.0)
    n = np.maximum(there.sum(axis=1), 1)
    x_mean, y_mean = (there * x).sum(axis=1) / n, np.where(there, recent, 0.0).sum(axis=1) / n
    dx = np.where(there, x - x_mean[:, None], 0.0)
    dy = np.where(there, recent - y_mean[:, None], 0.0)
    squares = (dx**2).sum(axis=1)
    enough = (there.sum(axis=1) >= 3) & (squares > 0)
    squares = np.where(enough, squares, 1.0)
    slope = (dx * dy).sum(axis=1) / squares
    rest = ((dy - slope[:, None] * dx) ** 2).sum(axis=1) / np.maximum(n - 2, 1)
    ahead = days - x_mean
    sigma = np.sqrt(rest * (1 + 1 / n + ahead**2 / squares))
    line = _normal(y_mean + slope * ahead, sigma)
    unknown = np.where(enough, 0.0, np.nan)
    return ScoreForecast(line.score + unknown, line.low + unknown, line.high + unknown)


def _normal(score: Floats, sigma: Floats) -> ScoreForecast:
    return ScoreForecast(
        np.clip(score, 0, 100), np.clip(score - _Z80 * sigma, 0, 100), np.clip(score + _Z80 * sigma, 0, 100)
    )
