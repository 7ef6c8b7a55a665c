"""One dimension of one account as arrays: a score a day at most, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cs_ml.domain.context import Dimension
from cs_ml.domain.health.insights import MarkedPoint
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.engines.health.panel import Floats

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Series:
    """`days`: since the first reading, fractions too; strictly rising."""

    dimension: Dimension
    at: tuple[datetime, ...]
    days: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.at)

    def last_days(self, days: float) -> "Series":
        """The readings of the last `days` before the newest one, that one included."""
        first = int(np.searchsorted(self.days, self.days[-1] - days)) if len(self) else 0
        return Series(self.dimension, self.at[first:], self.days[first:], self.scores[first:])

    def points(self, first: int, last: int) -> tuple[MarkedPoint, ...]:
        """The readings from index `first` to `last`, both included."""
        return tuple(
            MarkedPoint(at=self.at[index], score=round(float(self.scores[index]))) for index in range(first, last + 1)
        )


def series_of(readings: Sequence[HealthReading], dimension: Dimension) -> Series:
    """`readings` oldest first; of one day (UTC) the last holds, a dimension that was not measured is no reading."""
    daily = {reading.at.date(): reading for reading in readings if dimension in reading.scores}
    kept = list(daily.values())
    first = kept[0].at if kept else None
    return Series(
        dimension,
        tuple(reading.at for reading in kept),
        np.array([(reading.at - first).total_seconds() / _DAY_S for reading in kept if first]),
        np.array([float(reading.scores[dimension]) for reading in kept]),
    )
