"""From judged windows to a model: choose, fit on everything, calibrate. Same rows, same model."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from json import dumps
from typing import Any

import numpy as np

from cs_ml.engines.calibrating import fit_platt
from cs_ml.engines.calibration import Calibration, probability_of
from cs_ml.engines.learned.design import Floats
from cs_ml.engines.learned.features import POINTS, Measures
from cs_ml.engines.learned.fitting import CANDIDATES, Fitted, Prior, finished
from cs_ml.engines.learned.model import LearnedModel, Shape
from cs_ml.engines.learned.selection import Choice, TrainingRows, choose

MIN_OUTCOMES, MIN_CHURNED = 30, 8
# A model that was fitted to outcomes needs little more: its slope is 1 unless the validation says otherwise.
_SLOPE, _SLOPE_SPREAD = 1.0, 0.25


def enough(rows: TrainingRows) -> bool:
    """Whether a tenant's own model may be trained."""
    churned = int(rows.churned.sum())
    return len(rows) >= MIN_OUTCOMES and min(churned, len(rows) - churned) >= MIN_CHURNED


def train(rows: TrainingRows, prior: Prior, scorecard: str) -> LearnedModel:
    """`enough` rows. The kind `base` or `tenure` says that behaviour told nothing in the validation."""
    choice = choose(rows, prior)
    fitted = finished(CANDIDATES[choice.kind](rows.measures, rows.churned, prior), rows.measures)
    odds = fitted.odds(rows.measures)
    rate = float(rows.churned.mean())
    return LearnedModel(
        kind=choice.kind,
        window_days=rows.window_days,
        intercept=fitted.intercept,
        shapes=fitted.shapes,
        calibration=_calibration(choice, odds, rate),
        base_rate=rate,
        rows=len(rows),
        churned=int(rows.churned.sum()),
        fingerprint=fingerprint_of(rows),
        scorecard=scorecard,
        metrics={"losses": dict(choice.losses), "validated": len(choice.churned)},
    )


def cold_start(everyone: Sequence[Measures], prior: Prior, base_rate: float, window: int, scorecard: str) -> LearnedModel:
    """What public data say of the scorecard's points, at the level that makes this tenant's customers leave at its
    base rate. `everyone`: the tenant's customers now; nothing of theirs was judged."""
    shapes = {f"{POINTS}{code}": Shape(lines=((0.0, 1.0, slope),)) for code, slope in prior.items()}
    fitted = finished(Fitted(intercept=0.0, shapes=shapes), everyone)
    odds = fitted.odds(everyone) if everyone else np.zeros(1)
    return LearnedModel(
        kind="prior",
        window_days=window,
        intercept=_level(odds, base_rate),
        shapes=fitted.shapes,
        calibration=Calibration(),
        base_rate=base_rate,
        rows=0,
        churned=0,
        fingerprint="",
        scorecard=scorecard,
    )


def fingerprint_of(rows: TrainingRows) -> str:
    """Changes with any row: account, date, outcome or measure."""
    entries = zip(rows.accounts, rows.as_of, rows.churned, rows.measures, strict=True)
    return _digest([account, at.isoformat(), int(churned), measures] for account, at, churned, measures in entries)


def _digest(entries: Iterable[Any]) -> str:
    digest = sha256()
    for entry in sorted(dumps(entry, sort_keys=True) for entry in entries):
        digest.update(entry.encode())
    return digest.hexdigest()[:16]


def _calibration(choice: Choice, odds: Floats, rate: float) -> Calibration:
    """The slope that the validation asks for, at the level of the training rows: that of the validated blocks is of
    their seasons (measured: taking it over costs more than it gives)."""
    churned = choice.churned
    if choice.kind == "base" or min(churned.sum(), (1 - churned).sum()) < 1:
        return Calibration()
    slope = fit_platt(choice.odds, churned, slope=_SLOPE, spread=_SLOPE_SPREAD).slope
    return Calibration(method="platt", slope=slope, shift=_level(slope * odds, rate))


def _level(odds: Floats, rate: float) -> float:
    """The shift that makes the mean chance `rate`."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float(np.mean([probability_of(float(one) + middle) for one in odds]))
        low, high = (middle, high) if mean < rate else (low, middle)
    return (low + high) / 2


def prior_of(sources: Mapping[str, Mapping[str, float]], codes: Sequence[str], slope: float) -> Prior:
    """Half way from the scorecard's own `slope` to the mean of the sources, by part; the slope where none knows it."""
    found = {}
    for code in codes:
        told = [weights[code] for weights in sources.values() if code in weights]
        found[code] = slope + (sum(told) / len(told) - slope) / 2 if told else slope
    return found
