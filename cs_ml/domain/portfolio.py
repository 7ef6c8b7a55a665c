"""The portfolio as a CSM sees it each morning: the figures on top, and the accounts in the order of work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from math import sqrt
from typing import Literal

from cs_ml.domain.policy import RiskBand
from cs_ml.domain.predictions import EngineName

HEALTH_FRESH_DAYS = 90  # an older score says nothing about today
HEALTH_CHANGE_DAYS = 30
RENEWAL_DAYS = (30, 60, 90)
TOUCH_DAYS = 30
STALE_DAYS = 14  # two weekly imports: an older prediction has not seen them
SPARKLINE_WEEKS = 12
PAGE_ROWS = 50

# Real contact with the customer; notes, tasks and counts of usage are none.
TOUCHES = ("CALL", "EMAIL", "MEETING", "SMS", "LINKEDIN_MESSAGE", "CHAT", "DEMO", "PROPOSAL", "CONTRACT")
AT_RISK = (RiskBand.CRITICAL, RiskBand.HIGH)

# How much of a loss falls into the coming months, by days to renewal. A contract that ends later is lost later, so
# there is more time; steps, because they can be said in a sentence.
RENEWAL_WEIGHTS: Sequence[tuple[int, float]] = ((90, 1.0), (180, 0.5))
LATER_WEIGHT = 0.25
UNKNOWN_RENEWAL_WEIGHT = 0.5

# Two-sided 80 % of a normal distribution.
_Z80 = 1.2816


class Flag(StrEnum):
    """A reason to look at an account although nobody asked for it."""

    NO_CTA = "no_cta"
    NO_HEALTH = "no_health"
    STALE = "stale"
    NO_TOUCH = "no_touch"


class Sort(StrEnum):
    RISK = "risk"
    PROBABILITY = "probability"
    RENEWAL = "renewal"
    ARR = "arr"
    NAME = "name"


Work = Literal["open", "overdue"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PortfolioQuery:
    """Which accounts. `owner_id` None is everybody's. `renewal_days`: a renewal today or in so many days.

    `work`: accounts with open, or with overdue, CTAs. All parts must hold; `bands` and `segments` are alternatives.
    """

    owner_id: int | None = None
    bands: frozenset[RiskBand] = frozenset()
    segments: frozenset[str] = frozenset()
    renewal_days: int | None = None
    search: str = ""
    flags: frozenset[Flag] = frozenset()
    work: Work | None = None
    sort: Sort = Sort.RISK

    @property
    def filtered(self) -> bool:
        """Whether anything but the owner narrows it."""
        parts = (self.bands, self.segments, self.search, self.flags, self.work)
        return any(parts) or self.renewal_days is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Average:
    """A mean on a scale of 0..100 over `n` accounts; None where n is 0."""

    value: float | None
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AmountAtRisk:
    """Yearly revenue of the accounts at high or critical risk. `accounts`: those whose revenue is known."""

    currency: str | None
    amount: Decimal
    accounts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LossRange:
    """Expected loss of yearly revenue in the window of the predictions, over `accounts` with both figures known."""

    currency: str | None
    low: Decimal
    high: Decimal
    accounts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LossSums:
    """Sums over accounts with a valid prediction p (0..1), its base rate b and a yearly revenue a, of one currency."""

    accounts: int
    p: float
    b: float
    a: float
    pa: float
    pa2: float
    p2a2: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Tiles:
    """Figures of the chosen owner's accounts, whatever else is filtered.

    `predicted`: accounts with a valid prediction. `health_change`: in points, over the accounts that had a score
    HEALTH_CHANGE_DAYS ago too. `renewals`: accounts by RENEWAL_DAYS, each including the shorter ones.
    `flags`: accounts by flag. `checked_at`: when this was true.
    """

    accounts: int
    predicted: int
    health: Average
    health_change: Average
    accounts_at_risk: int
    at_risk: Sequence[AmountAtRisk]
    losses: Sequence[LossRange]
    renewals: Mapping[int, int]
    open_ctas: int
    overdue_ctas: int
    flags: Mapping[Flag, int]
    checked_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskView:
    """The valid churn prediction of a row. `new_facts`: dated facts of the account younger than `as_of`."""

    probability: float
    base_rate: float
    band: RiskBand
    drivers: tuple[str, ...]
    as_of: datetime
    completeness: float
    engine: EngineName
    new_facts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueRow:
    """One account. `health`: scores 0..100, oldest first, the last of each week that has one. `size`: yearly revenue
    against the chosen owner's average in the same currency (1 where unknown), `urgency`: the weight of the renewal
    (0..1). `touched_at`: the last real contact."""

    account_id: int
    reference: str | None
    name: str
    owner_name: str
    segment: str | None
    arr: Decimal | None
    currency: str | None
    size: float
    renewal_date: date | None
    days_to_renewal: int | None
    urgency: float
    health: Sequence[int]
    touched_at: datetime | None
    open_ctas: int
    overdue_ctas: int
    risk: RiskView | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Portfolio:
    """`matching` of `tiles.accounts` pass the filters. `next`: what to ask for to get the rows after these, None at
    the end."""

    tiles: Tiles
    matching: int
    rows: Sequence[QueueRow]
    next: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerChoice:
    owner_id: int
    name: str
    accounts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What can be filtered by, among the accounts that the actor sees."""

    owners: Sequence[OwnerChoice]
    segments: Sequence[str]

    @property
    def accounts(self) -> int:
        return sum(owner.accounts for owner in self.owners)


def loss_range(currency: str | None, sums: LossSums) -> LossRange:
    """80 % range of what is lost if accounts leave one by one, independently, each with its probability.

    Uncalibrated engines rank better than they know the level, so the range covers both the probabilities as they are
    and the same ones scaled so that their mean is the base rate. Within 0..the whole revenue.
    """
    scaled = sums.b / sums.p if sums.p else 1.0
    ends = [_interval(sums, factor) for factor in (1.0, scaled)]
    low, high = max(min(low for low, _ in ends), 0.0), min(max(high for _, high in ends), sums.a)
    return LossRange(currency=currency, low=_whole(low), high=_whole(high), accounts=sums.accounts)


def _interval(sums: LossSums, factor: float) -> tuple[float, float]:
    """Mean and variance of a sum of independent losses: a with probability `factor` p, else nothing."""
    mean = factor * sums.pa
    spread = _Z80 * sqrt(max(factor * sums.pa2 - factor**2 * sums.p2a2, 0.0))
    return mean - spread, mean + spread


def _whole(amount: float) -> Decimal:
    return Decimal(round(amount))
