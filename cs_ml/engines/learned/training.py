"""From judged windows to a model: choose, fit on everything, calibrate. Same rows, same model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from json import dumps
from typing import Any

import numpy as np

from cs_ml.domain.policy import DEFAULT_BASE_RATE
from cs_ml.engines.calibration.fitting import fit_platt
from cs_ml.engines.calibration.numbers import probability_of
from cs_ml.engines.learned.design import Floats
from cs_ml.engines.learned.features import Measures
from cs_ml.engines.learned.fitting import Fitted, Prior, finished, fit_one, point_shapes, scaled
from cs_ml.engines.learned.model import LearnedModel
from cs_ml.engines.learned.selection import Choice, TrainingRows, choose

MIN_OUTCOMES, MIN_CHURNED = 30, 8
# A hundred windows may hold half as many again that left as usual: their share alone is too rough a level.
LEVEL_ROWS = 10
# A model that was fitted to outcomes needs little more: its slope is 1 unless the validation says otherwise.
_SLOPE, _SLOPE_SPREAD = 1.0, 0.1


def enough(rows: TrainingRows) -> bool:
    """Whether a tenant's own model may be trained."""
    churned = int(rows.churned.sum())
    return len(rows) >= MIN_OUTCOMES and min(churned, len(rows) - churned) >= MIN_CHURNED


def train(rows: TrainingRows, prior: Prior, scorecard: str) -> LearnedModel:
    """`enough` rows. The kind `base` or `tenure` says that behaviour told nothing in the validation."""
    choice = choose(rows, prior)
    slope = _slope(choice)
    fitted = scaled(fit_one(choice.kind, rows.measures, rows.churned, prior), slope)
    rate = usual_rate(rows.churned)
    level = _level(fitted.odds(rows.measures), rate)
    fitted = finished(replace(fitted, intercept=fitted.intercept + level), rows.measures)
    return LearnedModel(
        kind=choice.kind,
        window_days=rows.window_days,
        intercept=fitted.intercept,
        shapes=fitted.shapes,
        base_rate=rate,
        rows=len(rows),
        churned=int(rows.churned.sum()),
        fingerprint=fingerprint_of(rows),
        scorecard=scorecard,
        metrics={"losses": dict(choice.losses), "validated": len(choice.churned), "slope": slope},
    )


def usual_rate(churned: Floats) -> float:
    """The share that churned, as if LEVEL_ROWS windows more had been judged of which DEFAULT_BASE_RATE churned."""
    return (float(churned.sum()) + LEVEL_ROWS * DEFAULT_BASE_RATE) / (len(churned) + LEVEL_ROWS)


def cold_start(
    everyone: Sequence[Measures], prior: Prior, base_rate: float, window: int, scorecard: str
) -> LearnedModel:
    """What public data say of the scorecard's points, at the level that makes this tenant's customers leave at its
    base rate. `everyone`: the tenant's customers now; nothing of theirs was judged."""
    fitted = finished(Fitted(intercept=0.0, shapes=point_shapes(prior)), everyone)
    odds = fitted.odds(everyone) if everyone else np.zeros(1)
    return LearnedModel(
        kind="prior",
        window_days=window,
        intercept=_level(odds, base_rate),
        shapes=fitted.shapes,
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


def _slope(choice: Choice) -> float:
    """What the validation says the log odds are worth (Platt scaling with a prior, without its shift: the level of the
    validated blocks is of their seasons, and taking it over was measured to cost more than it gives)."""
    churned = choice.churned
    if choice.kind == "base" or min(churned.sum(), (1 - churned).sum()) < 1:
        return 1.0
    return fit_platt(choice.odds, churned, slope=_SLOPE, spread=_SLOPE_SPREAD).slope


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
