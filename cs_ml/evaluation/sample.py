"""Forecasts with their outcomes, and every figure over many resamples of their accounts at once.

A resample is a row of counts: how often each account was drawn. A figure over all resamples is then a matrix product
or a weighted running sum, not a loop.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cs_ml.evaluation.report import FigureName

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 10
TOP_SHARE = 0.1


@dataclass(frozen=True)
class Sample:
    """`churned` (0 or 1), `chance` (0..1) and `account` (0..accounts-1), one entry per forecast."""

    churned: Floats
    chance: Floats
    account: Ints
    accounts: int

    @classmethod
    def of(cls, churned: ArrayLike, chances: ArrayLike, accounts: ArrayLike) -> "Sample":
        """Raises ValueError where lengths differ or a chance is not within 0..1."""
        outcome, chance = np.asarray(churned, dtype=float), np.asarray(chances, dtype=float)
        names, account = np.unique(np.asarray(accounts), return_inverse=True)
        if not len(outcome) == len(chance) == len(account):
            raise ValueError("outcomes, chances and accounts differ in number")
        if not bool(((chance >= 0) & (chance <= 1)).all()):
            raise ValueError("a chance lies within 0 and 1")
        return cls(churned=outcome, chance=chance, account=account.astype(np.int64), accounts=len(names))

    @property
    def has_both(self) -> bool:
        """Whether some churned and some stayed."""
        return bool(0 < self.churned.sum() < len(self.churned))

    def _per_account(self, values: Floats) -> Floats:
        return np.asarray(np.bincount(self.account, weights=values, minlength=self.accounts), dtype=np.float64)

    @cached_property
    def _rows(self) -> Ints:
        return np.bincount(self.account, minlength=self.accounts)

    @cached_property
    def bin(self) -> Ints:
        """The bin of each forecast: cut at the deciles of the chances, so that equal chances are never parted."""
        edges = np.percentile(self.chance, np.linspace(0, 100, BINS + 1))
        return np.searchsorted(edges[1:-1], self.chance)

    @cached_property
    def _ranked(self) -> tuple[Ints, Ints]:
        """Forecasts from the highest chance down, and where each run of equal chances begins."""
        order = np.argsort(-self.chance, kind="stable")
        ranked = self.chance[order]
        return order, np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    def resampled(self, names: Collection[FigureName], counts: Floats) -> dict[FigureName, Floats]:
        """The figures for each row of `counts` (draws by accounts); NaN where one cannot be told."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = {name: self._by_sums(name, counts) for name in names if name not in _BY_RANK}
            if ranked := [name for name in names if name in _BY_RANK]:
                runs = self._runs(counts)
                found |= {name: _BY_RANK[name](runs) for name in ranked}
        return found

    def _by_sums(self, name: FigureName, counts: Floats) -> Floats:
        match name:
            case "brier":
                return self._mean((self.chance - self.churned) ** 2, counts)
            case "log_loss":
                return self._mean(_log_losses(self.churned, self.chance), counts)
            case "skill":
                rate = self._mean(self.churned, counts)
                return 1 - self._mean((self.chance - self.churned) ** 2, counts) / (rate * (1 - rate))
            case _:
                return self._ece(counts)

    def _mean(self, values: Floats, counts: Floats) -> Floats:
        return (counts @ self._per_account(values)) / (counts @ self._rows)

    def _ece(self, counts: Floats) -> Floats:
        gap = np.zeros(len(counts))
        for number in range(BINS):
            inside = np.where(self.bin == number, self.chance - self.churned, 0.0)
            gap += np.abs(counts @ self._per_account(inside))
        return gap / (counts @ self._rows)

    def _runs(self, counts: Floats) -> "_Runs":
        order, starts = self._ranked
        weights = counts[:, self.account[order]]
        came_true = np.add.reduceat(weights * self.churned[order], starts, axis=1)
        return _Runs(came_true, np.add.reduceat(weights, starts, axis=1))


class _Runs:
    """Weights by runs of equal chances, from the highest down: one row per resample."""

    def __init__(self, came_true: Floats, everyone: Floats) -> None:
        self.came_true, self.everyone = came_true, everyone
        self.caught, self.warned = came_true.cumsum(axis=1), everyone.cumsum(axis=1)
        self.churned, self.total = self.caught[:, -1], self.warned[:, -1]


def _auroc(runs: _Runs) -> Floats:
    stayed = runs.everyone - runs.came_true
    all_stayed = runs.total - runs.churned
    below = all_stayed[:, None] - stayed.cumsum(axis=1) + stayed / 2
    return np.asarray((runs.came_true * below).sum(axis=1) / (runs.churned * all_stayed))


def _auprc(runs: _Runs) -> Floats:
    precision = np.divide(runs.caught, runs.warned, out=np.zeros_like(runs.caught), where=runs.warned > 0)
    return np.asarray((precision * runs.came_true).sum(axis=1) / runs.churned)


def _lift(runs: _Runs) -> Floats:
    """Of equal chances at the edge of the top share, each counts in part."""
    top = TOP_SHARE * runs.total
    rows = np.arange(len(top))
    edge = (runs.warned < top[:, None]).sum(axis=1)
    came_true, everyone = runs.came_true[rows, edge], runs.everyone[rows, edge]
    missing = top - (runs.warned[rows, edge] - everyone)
    caught = runs.caught[rows, edge] - came_true + came_true * missing / everyone
    return np.asarray((caught / top) / (runs.churned / runs.total))


_BY_RANK: Mapping[FigureName, Callable[[_Runs], Floats]] = {"auroc": _auroc, "auprc": _auprc, "lift10": _lift}


def _log_losses(churned: Floats, chance: Floats) -> Floats:
    least = np.finfo(float).eps
    likely = np.clip(np.where(churned == 1, chance, 1 - chance), least, 1 - least)
    return np.asarray(-np.log(likely))
