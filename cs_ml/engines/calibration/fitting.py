"""Fits of calibrations: raw chances and what happened in, plain numbers out.

Platt scaling with a prior below MANY outcomes, Venn-Abers above; plain isotonic regression on few outcomes is worse
than nothing (docs/decisions/0013).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cs_ml.engines.calibration.numbers import Calibration, log_odds

Floats = NDArray[np.float64]

MIN_OUTCOMES, MIN_CHURNED = 30, 3  # fewer tell nothing: no adjustment
MANY = 500
# Engines that were never fitted to outcomes are over-confident: their log odds deserve about half (Platt 1999, with
# the prior that was measured on public data).
PRIOR_SLOPE, PRIOR_SPREAD = 0.6, 0.4
_SHIFT_SPREAD = 3.0
_KNOTS = 60


def fit_calibration(chances: Sequence[float], churned: Sequence[bool]) -> Calibration | None:
    """For raw chances (0..1) of an engine that never saw outcomes; None below the minimum."""
    outcome = np.asarray(churned, dtype=float)
    count = int(outcome.sum())
    if len(outcome) < MIN_OUTCOMES or min(count, len(outcome) - count) < MIN_CHURNED:
        return None
    if len(outcome) < MANY:
        odds = np.array([log_odds(chance) for chance in chances])
        return fit_platt(odds, outcome, slope=PRIOR_SLOPE, spread=PRIOR_SPREAD)
    return fit_venn_abers(np.asarray(chances, dtype=float), outcome)


def fit_platt(odds: Floats, churned: Floats, *, slope: float, spread: float) -> Calibration:
    """A straight line over log odds; its slope has a normal prior and is never negative."""
    from scipy.optimize import minimize

    start = float(np.log((churned.mean() * len(churned) + 0.5) / ((1 - churned.mean()) * len(churned) + 0.5)))
    middle = float(np.average(odds))

    def loss(weights: Floats) -> tuple[float, Floats]:
        line = weights[0] * (odds - middle) + weights[1]
        off, shift = (weights[0] - slope) / spread, (weights[1] - start) / _SHIFT_SPREAD
        value = np.logaddexp(0, line).sum() - churned @ line + (off * off + shift * shift) / 2
        error = 1 / (1 + np.exp(-line)) - churned
        return float(value), np.array([error @ (odds - middle) + off / spread, error.sum() + shift / _SHIFT_SPREAD])

    found = minimize(loss, np.array([slope, start]), jac=True, bounds=[(0.0, None), (None, None)]).x
    return Calibration(method="platt", slope=float(found[0]), shift=float(found[1] - found[0] * middle))


def fit_venn_abers(chances: Floats, churned: Floats) -> Calibration:
    """Inductive Venn-Abers predictions (Vovk, Petej 2012) at quantiles of the chances, merged as p1 / (1 - p0 + p1)."""
    from sklearn.isotonic import IsotonicRegression

    knots = np.unique(np.quantile(chances, np.linspace(0, 1, _KNOTS)))
    merged = []
    for knot in knots:
        bounds = []
        for label in (0.0, 1.0):
            fit = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            fit.fit(np.append(chances, knot), np.append(churned, label))
            bounds.append(float(fit.predict([knot])[0]))
        low, high = bounds
        merged.append(high / (1 - low + high))
    rising = np.maximum.accumulate(np.array(merged))
    return Calibration(method="venn_abers", scores=tuple(map(float, knots)), chances=tuple(map(float, rising)))
