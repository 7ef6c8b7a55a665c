"""What changed between two dates, in parts that add up to the change to the decimal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

_STEP = Decimal("0.1")

WeightSource = Literal["recorded", "estimated"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePart:
    """What one part did to the whole, in points. `before`, `after`: its own value then, None where it has none."""

    code: str
    label: str
    before: Decimal | None
    after: Decimal | None
    points: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """On a scale of 0..100: `after - before`, which is the sum of the parts. `note` says what the parts rest on."""

    before: Decimal
    after: Decimal
    before_at: datetime
    after_at: datetime
    parts: Sequence[ChangePart]
    note: str

    @property
    def points(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """Of one account between two instants. `health` is None where `no_health` says why; `derived` as in insights."""

    since: datetime
    until: datetime
    health: Change | None
    no_health: str
    derived: bool
    churn: Change
    window_days: int


def tenth(value: float) -> Decimal:
    return Decimal(str(value)).quantize(_STEP, ROUND_HALF_EVEN)


def steps(start: float, sizes: Iterable[float]) -> list[Decimal]:
    """Each size in tenths, such that start and sizes add up to what the whole is in tenths.

    The running sum is rounded, not each size: a part may be a tenth off, the sum never is.
    """
    running, shown, found = start, tenth(start), []
    for size in sizes:
        running += size
        found.append(tenth(running) - shown)
        shown = tenth(running)
    return found
