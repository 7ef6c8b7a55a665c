"""Scores of many accounts as one table of accounts by days, and what is known of each at the end of a day.

The same few lines serve one account and a whole tenant. Between readings the last one holds; before the first, and in
gaps longer than MEMORY_DAYS, nothing is known.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cs_ml.domain.health.insights import FORECAST_DAYS, JUDGED_WITHIN, MAX_READING_AGE, MIN_READINGS

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

MEMORY_DAYS = 180  # what counts as an account's own usual level and movement
LEAN_DAYS = 30
PANEL_DAYS = MEMORY_DAYS + 1  # what one state is made of


@dataclass(frozen=True, slots=True)
class Panel:
    """Row: account, column: day. `readings` are NaN where there is none; in `held` the last reading goes on.

    `ages`: days since that reading, `counts`: readings so far. The last column is the present.
    """

    readings: Floats
    held: Floats
    ages: Ints
    counts: Ints

    @property
    def days(self) -> int:
        return int(self.readings.shape[1])


@dataclass(frozen=True, slots=True)
class States:
    """What is known of each account at the end of one day; one value per account, NaN where unknown.

    `median`: of MEMORY_DAYS, `lean`: the last score against the mean of LEAN_DAYS, `movement`: mean size of its own
    changes over 30 days, seen on `seen` days. `known`: enough to forecast from.
    """

    last: Floats
    median: Floats
    lean: Floats
    movement: Floats
    seen: Ints
    ages: Ints
    known: NDArray[np.bool_]


def panel_of(accounts: Ints, days: Ints, scores: Floats, *, shape: tuple[int, int]) -> Panel:
    """`accounts` and `days` are row and column of each score, in order of time: of one day the last score holds."""
    readings = np.full(shape, np.nan)
    readings[accounts, days] = scores
    there = ~np.isnan(readings)
    last = np.maximum.accumulate(np.where(there, np.arange(shape[1]), -1), axis=1)
    ages = np.arange(shape[1]) - last
    held = np.take_along_axis(readings, np.maximum(last, 0), axis=1)
    held[(last < 0) | (ages > MEMORY_DAYS)] = np.nan
    return Panel(readings=readings, held=held, ages=ages, counts=np.cumsum(there, axis=1))


def states_at(panel: Panel, day: int) -> States:
    """Nothing after column `day` plays a part."""
    window = panel.held[:, max(0, day + 1 - PANEL_DAYS) : day + 1]
    last, ages = panel.held[:, day], panel.ages[:, day]
    changes = np.abs(window[:, FORECAST_DAYS:] - window[:, :-FORECAST_DAYS])
    seen = np.isfinite(changes).sum(axis=1)
    enough = panel.counts[:, day] >= MIN_READINGS
    return States(
        last=last,
        median=_median(window),
        lean=last - _mean(window[:, -LEAN_DAYS - 1 :]),
        movement=_mean(changes),
        seen=seen,
        ages=ages,
        known=np.isfinite(last) & enough & (ages <= MAX_READING_AGE.days),
    )


def outcomes_after(panel: Panel, day: int) -> Floats:
    """The reading nearest to FORECAST_DAYS after `day`, NaN where none lies near enough; of two, the earlier."""
    found: Floats = np.full(panel.readings.shape[0], np.nan)
    for away in range(JUDGED_WITHIN.days + 1):
        for column in (day + FORECAST_DAYS - away, day + FORECAST_DAYS + away):
            if column < panel.days:
                found = np.where(np.isnan(found), panel.readings[:, column], found)
    return found


def _mean(values: Floats) -> Floats:
    """Of each row's known values."""
    there = np.isfinite(values)
    count = there.sum(axis=1)
    total = np.where(there, values, 0.0).sum(axis=1)
    found: Floats = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return found


def _median(values: Floats) -> Floats:
    """Of each row's known values: NaN sorts last, so the middle of the first ones is it."""
    count = np.isfinite(values).sum(axis=1)
    ordered = np.sort(values, axis=1)
    rows = np.arange(len(values))
    upper = np.minimum(count // 2, values.shape[1] - 1)
    middle = (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, upper]) / 2
    found: Floats = np.where(count > 0, middle, np.nan)
    return found
