"""How the health of a whole portfolio moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from cs_ml.domain.context import Dimension
from cs_ml.domain.policy import HealthBand

WEEKS = 12
_LAST_OF_DAY = time(23, 59, 59, 999000)
MOST_MOVERS = 50
LEAST_POINTS = 10  # so many points make a mover, also within a band


def week_ends(until: datetime) -> list[datetime]:
    """The ends of the last WEEKS weeks, oldest first: the last one is `until`, those before are ends of days (UTC)."""
    day = datetime.combine(until.astimezone(UTC).date(), _LAST_OF_DAY, UTC)
    return [*(day - timedelta(weeks=WEEKS - 1 - number) for number in range(WEEKS - 1)), until]


@dataclass(frozen=True, kw_only=True, slots=True)
class BandWeek:
    """Accounts by band at the end of a week; those without a fresh score under None."""

    at: datetime
    accounts: Mapping[HealthBand | None, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class BandMove:
    """Accounts of one currency that were in `before` and are in `after`; None is no fresh score. `arr`: where known."""

    before: HealthBand | None
    after: HealthBand | None
    currency: str | None
    accounts: int
    arr: Decimal | None
    with_arr: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
    """`cause`: the dimension that moved the score most in its direction, None where none is known at both dates."""

    account_id: int
    reference: str | None
    name: str
    owner_name: str | None
    before: int
    after: int
    cause: Dimension | None
    cause_points: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A live account of a portfolio, as far as movements tell of it."""

    account_id: int
    reference: str | None
    name: str
    owner_name: str | None
    created_at: datetime
    currency: str | None
    arr: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Movements:
    """`movers`: MOST_MOVERS at most of `moved`, the largest falls first. `derived`: of scores that we computed, as the
    CRM sends none."""

    since: datetime
    until: datetime
    weeks: Sequence[BandWeek]
    moves: Sequence[BandMove]
    moved: int
    movers: Sequence[Mover]
    derived: bool = False
