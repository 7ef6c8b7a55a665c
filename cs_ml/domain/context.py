"""What is known of one account at one instant: the only thing an engine sees.

Every value is dated not after `as_of`; what had no history then is None, never today's value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

HEALTH_DAYS = 90
ACTIVITY_DAYS = 30
BASELINE_DAYS = 60  # the days 30 to 90 before `as_of`, against which the last 30 are compared
CLOSED_OPPORTUNITY_DAYS = 90
COMPARED_DAYS = 90  # ARR and seats are compared with what held so many days before
WINDOWS = (28, 91, 182, 365)
HEALTH_BANDS_DAYS = (30, 90, 182, 365)  # of the long view of health

Dimension = Literal["overall", "usage", "support", "engagement", "sentiment", "financial"]
DIMENSIONS: tuple[Dimension, ...] = ("overall", "usage", "support", "engagement", "sentiment", "financial")
Sentiment = Literal["POSITIVE", "NEUTRAL", "NEGATIVE"]
CustomValue = str | float


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountProfile:
    """`type`, `health_score`, `engagement_score` (0..100), `churn_risk` (0..1), `owner_*` are None for a past `as_of`
    that no snapshot covers. `*_before`: what held COMPARED_DAYS earlier. `age_days` counts from `customer_since`."""

    account_id: int
    reference: str | None
    name: str
    type: str | None
    industry: str | None
    segment: str | None
    owner_id: int | None
    owner_name: str | None
    arr: Decimal | None
    arr_before: Decimal | None
    currency: str | None
    plan: str | None
    seats: int | None
    seats_before: int | None
    renewal_date: date | None
    days_to_renewal: int | None
    lifecycle_stage: str | None
    customer_since: date | None
    age_days: int | None
    health_score: int | None
    engagement_score: int | None
    churn_risk: float | None
    custom_fields: Mapping[str, CustomValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthPoint:
    """Scores 0..100; None where the dimension was not measured."""

    id: str
    at: datetime
    overall: int
    usage: int | None
    support: int | None
    engagement: int | None
    sentiment: int | None
    financial: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivityFact:
    """Something that happened. `source_type` is the name that the source used, where it is none of the CRM's types."""

    id: str
    at: datetime
    type: str
    source_type: str | None
    direction: str | None
    sentiment: Sentiment | None
    subject: str | None
    quantity: float | None
    amount: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CtaFact:
    """A CTA open at `as_of`. `priority`, `status` and `due_at` have no history: None for a past `as_of`."""

    id: str
    cta_id: int
    type: str
    title: str
    created_at: datetime
    status: str | None
    priority: str | None
    due_at: datetime | None
    overdue_days: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpportunityFact:
    """`status` as it was at `as_of`; stage, amount and probability (0..100) only where they were known then."""

    id: str
    name: str
    status: Literal["OPEN", "WON", "LOST"]
    created_at: datetime
    closed_at: datetime | None
    expected_close: datetime | None
    stage: str | None
    amount: Decimal | None
    currency: str | None
    probability: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowTotals:
    """Activity in the last `days` days: number, and the sums of quantity and amount."""

    days: int
    count: int
    quantity: float
    amount: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivityHistory:
    """Everything up to `as_of`, summed: what "the account's own past" means.

    `windows` are nested (28 within 91 within 182 within 365 days); `count`, `active_days` (distinct days with activity)
    and `quantities` (activities that state a quantity) are of all time; `baseline` counts the BASELINE_DAYS.
    """

    first_at: datetime | None
    last_at: datetime | None
    count: int
    active_days: int
    quantities: int
    baseline: int
    windows: Sequence[WindowTotals]

    def window(self, days: int) -> WindowTotals:
        return next(w for w in self.windows if w.days == days)


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A computed figure that can be cited. `value` is None where it cannot be known."""

    id: str
    name: str
    label: str
    value: float | None
    unit: Literal["days", "count", "share", "ratio"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Completeness:
    """`score` 0..1; `missing` are sentences that say which parts are missing or thin."""

    score: float
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactBand:
    """Contacts of one kind in one band of age. `band`: the youngest of WINDOWS that holds them, None if older.

    `source`: the name that the source used, else the CRM's type. `days`: distinct days with
    a contact; `quantities`, `amounts`: contacts that state one.
    """

    source: str
    band: int | None
    count: int
    days: int
    quantities: int
    quantity: float
    amounts: int
    amount: float
    positive: int
    negative: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthBand:
    """Health scores of one band of age: the youngest of HEALTH_BANDS_DAYS that holds them.

    `means` (0..100) by dimension; one that was not measured is absent.
    """

    band: int
    points: int
    lowest: int
    highest: int
    means: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signals:
    contacts: Sequence[ContactBand]
    health: Sequence[HealthBand]

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({band.source for band in self.contacts}))

    def within(self, days: int, source: str | None = None) -> list[ContactBand]:
        """The bands that lie in the last `days` (one of WINDOWS)."""
        return [
            band
            for band in self.contacts
            if band.band is not None and band.band <= days and source in {None, band.source}
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountContext:
    """`live`: `as_of` is the present, so the CRM's current values hold. Lists are in order of date, oldest first.

    `signals` are None where no engine asked for them.
    """

    as_of: datetime
    live: bool
    profile: AccountProfile
    health: Sequence[HealthPoint]
    activities: Sequence[ActivityFact]
    history: ActivityHistory
    ctas: Sequence[CtaFact]
    opportunities: Sequence[OpportunityFact]
    metrics: Sequence[Metric]
    completeness: Completeness
    signals: Signals | None = None

    def metric(self, name: str) -> Metric:
        return next(m for m in self.metrics if m.name == name)


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantReference:
    """What "much" and "little" mean at a tenant, from rows not after `as_of`.

    `observed_until`: the newest dated fact of the whole tenant; where it lies long before `as_of` the feed has stopped,
    which says nothing about a customer. `usual_gap_days`: median over accounts of the days between active days.
    `deciles`: eleven values, lowest to highest, per quantity; a quantity known of too few accounts is absent.
    `base_rate`: share of judged windows of about 90 days that ended in churn, None below MIN_JUDGED of them.
    """

    as_of: datetime
    observed_until: datetime | None
    accounts: int
    usual_gap_days: float | None
    deciles: Mapping[str, Sequence[float]]
    base_rate: float | None
    judged: int
