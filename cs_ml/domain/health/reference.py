"""What a tenant's accounts taught about how far health scores move in 30 days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MIN_MONTHS = 60  # past months (of any accounts) below which a tenant's scores teach nothing
QUANTILES = 41  # of each cell: from the lowest to the highest in equal steps


@dataclass(frozen=True, kw_only=True, slots=True)
class MovementCell:
    """Where scores went from one kind of position: `n` past months, moves in units of an account's own spread.

    `low` and `high` are the conformal bounds of the 80 % interval; `quantiles` are QUANTILES values, rising.
    """

    n: int
    low: float
    high: float
    quantiles: Sequence[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthReference:
    """From scores not after `as_of` only. `months`: past months learned from.

    `weight` (0..1) is the share of the last score in a forecast, the rest is the account's own median. `spread`: mean
    movement in 30 days, in points. `drop_rate`: share of months that ended DROP_POINTS or more lower. A cell is found
    by the place of the forecast among `levels`, and of the last score's lean (against its mean of 30 days) among
    `leans`: `cells[level][lean]`.
    """

    as_of: datetime
    months: int
    weight: float
    spread: float
    drop_rate: float | None
    levels: Sequence[float]
    leans: Sequence[float]
    cells: Sequence[Sequence[MovementCell]]
