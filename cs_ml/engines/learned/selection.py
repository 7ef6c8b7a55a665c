"""Which candidate to keep: validation on rows that come later, the simpler one unless the gain is beyond doubt."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from cs_ml.engines.learned.design import Floats
from cs_ml.engines.learned.features import Measures
from cs_ml.engines.learned.fitting import FOR_FEW, Prior, fit_all
from cs_ml.engines.learned.model import ModelKind

ENOUGH_FOR_ALL = 200  # of fewer rows the scorecard's points are all that can be learned from
MANY = 500  # fewer rows, cut in two by time, leave too little to learn from: folds by account instead
_BLOCKS, _FOLDS = 3, 5
# Three candidates over some 140 features: of few rows one of them seems to gain a standard error by chance each third
# time, two of them hardly ever.
_DOUBT = 2.0
_NEWTON_STEPS = 25
_MOST_SHIFT = 3.0  # of a block where everybody stayed, or left
_FEWEST_CHURNED = 8  # in what a fold learns from

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRows:
    """One entry per judged window, in one order. `churned`: 1 or 0."""

    accounts: Sequence[int]
    as_of: Sequence[datetime]
    churned: Floats
    measures: Sequence[Measures]
    window_days: int

    def __len__(self) -> int:
        return len(self.accounts)

    def where(self, mask: Mask) -> "TrainingRows":
        chosen = [int(place) for place in np.flatnonzero(mask)]
        return TrainingRows(
            accounts=[self.accounts[place] for place in chosen],
            as_of=[self.as_of[place] for place in chosen],
            churned=self.churned[chosen],
            measures=[self.measures[place] for place in chosen],
            window_days=self.window_days,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """`losses`: mean log loss by candidate; `odds` (levelled) and `churned` of the validated rows of the one kept."""

    kind: ModelKind
    losses: Mapping[ModelKind, float]
    odds: Floats
    churned: Floats


def choose(rows: TrainingRows, prior: Prior) -> Choice:
    """Every candidate on every fold; the base rate where nothing can be validated."""
    folds = list(_folds(rows))
    if not folds:
        empty = np.zeros(0)
        return Choice(kind="base", losses={}, odds=empty, churned=empty)
    level: dict[ModelKind, list[Floats]] = {}
    for learn, test in folds:
        known, asked = rows.where(learn), rows.where(test)
        for kind, fitted in fit_all(known.measures, known.churned, prior, many=len(rows) >= ENOUGH_FOR_ALL).items():
            level.setdefault(kind, []).append(_levelled(fitted.odds(asked.measures), asked.churned))
    churned = np.concatenate([rows.churned[test] for _, test in folds])
    accounts = [account for _, test in folds for account in rows.where(test).accounts]
    losses = {kind: np.logaddexp(0, found := np.concatenate(parts)) - churned * found for kind, parts in level.items()}
    kind = _simplest(losses, accounts, doubt=1.0 if len(rows) >= MANY else _DOUBT)
    return Choice(
        kind=kind,
        losses={name: float(loss.mean()) for name, loss in losses.items()},
        odds=np.concatenate(level[kind]),
        churned=churned,
    )


def _levelled(odds: Floats, churned: Floats) -> Floats:
    """Shifted to the share that churned in the block: how many leave drifts from season to season and moves every
    candidate alike, who leaves is what they are compared by."""
    shift = 0.0
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-(odds + shift)))
        step = float((churned - chance).sum() / (chance * (1 - chance)).sum())
        shift = min(max(shift + step, -_MOST_SHIFT), _MOST_SHIFT)
    return odds + shift


def _simplest(losses: Mapping[ModelKind, Floats], accounts: Sequence[int], *, doubt: float) -> ModelKind:
    """From simple to complex; the next one is taken where its gain is more than the gain's standard error, and `doubt`
    times as much where it learns from every feature."""
    kept: ModelKind = "base"
    for kind, loss in losses.items():
        gain = losses[kept] - loss
        if gain.mean() > _standard_error(gain, accounts) * (1.0 if kind in FOR_FEW else doubt):
            kept = kind
    return kept


def _standard_error(gain: Floats, accounts: Sequence[int]) -> float:
    """Of the mean, by account: windows of one account are not independent."""
    _, group = np.unique(accounts, return_inverse=True)
    sums = np.bincount(group, weights=gain - gain.mean())
    return float(np.sqrt((sums**2).sum())) / len(gain)


def _folds(rows: TrainingRows) -> Iterator[tuple[Mask, Mask]]:
    """(what to learn from, what to test on), each with enough that churned and stayed to learn from. By account too
    where windows lie so close that none had ended when another began."""
    forward = [fold for fold in _forward(rows) if _usable(rows, *fold)] if len(rows) >= MANY else []
    yield from forward or (fold for fold in _by_account(rows) if _usable(rows, *fold))


def _usable(rows: TrainingRows, learn: Mask, test: Mask) -> bool:
    churned = int(rows.churned[learn].sum())
    return bool(test.any()) and min(churned, int(learn.sum()) - churned) >= _FEWEST_CHURNED


def _forward(rows: TrainingRows) -> Iterator[tuple[Mask, Mask]]:
    """Later blocks of time, each judged from the windows that had ended when it began."""
    at = np.array([round(moment.timestamp() * 1000) for moment in rows.as_of])  # fractions would not compare
    days = np.unique(at)
    starts = np.unique([days[len(days) * number // (_BLOCKS + 1)] for number in range(1, _BLOCKS + 1)])
    window = timedelta(days=rows.window_days) // timedelta(milliseconds=1)
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else np.inf
        yield at + window <= start, (at >= start) & (at < end)


def _by_account(rows: TrainingRows) -> Iterator[tuple[Mask, Mask]]:
    fold = np.array([sha256(str(account).encode()).digest()[0] % _FOLDS for account in rows.accounts])
    for number in range(_FOLDS):
        yield fold != number, fold == number
