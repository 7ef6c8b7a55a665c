"""The quantities that the scorecard judges: one account's past, its own rhythm, its place among the tenant's accounts.

Each is None where it cannot be known; a missing quantity adds no risk.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp, log
from statistics import fmean, median

from cs_ml.domain.context import AccountContext, HealthPoint, TenantReference
from cs_ml.domain.policy import FEED_STOPPED_DAYS

# Prior of the contact rhythm: one imaginary contact at the tenant's usual gap, and about 11 % chance that a contact
# was the last one (MBG/NBD; Batislam, Denizel, Filiztekin 2007, after Fader, Hardie, Lee 2005).
_RATE, _GONE, _STAY = 1.0, 0.3, 2.5
DEFAULT_GAP_DAYS = 30.0
HORIZON_DAYS = 90
_MIN_BASELINE_DAYS = 28
_NEUTRAL_CONTACTS = 2  # imaginary neutral ones, so that one bad mail is not "100 % negative"
_RECENT_DAYS = 30
_OVERDUE_RENEWAL_DAYS = 30


@dataclass(frozen=True, slots=True)
class Quantity:
    """`value` in the unit that the scorecard expects; `cites`: the context's evidence ids; `text` for people."""

    value: float | None
    text: str = "unknown"
    cites: tuple[str, ...] = ()


Feature = Callable[[AccountContext, TenantReference], Quantity]
UNKNOWN = Quantity(None)


def quantities(context: AccountContext, reference: TenantReference) -> dict[str, Quantity]:
    """Every quantity by the name that the scorecard uses."""
    return {name: feature(context, reference) for name, feature in FEATURES.items()}


def feed_stopped(context: AccountContext, reference: TenantReference) -> datetime | None:
    """Since when nothing arrived for the whole tenant, where that is too long ago to blame the customers."""
    until = reference.observed_until
    if until is None or reference.as_of - until <= timedelta(days=FEED_STOPPED_DAYS):
        return None
    own = context.history.last_at
    return until if until <= context.as_of and (own is None or own <= until) else None


def no_contact_ahead(context: AccountContext, reference: TenantReference) -> Quantity:
    """Chance (0..1) of no contact in the next HORIZON_DAYS, from the account's own rhythm."""
    history = context.history
    if history.first_at is None or history.last_at is None:
        return UNKNOWN
    stopped = feed_stopped(context, reference)
    until = stopped or context.as_of
    silent, gap = rhythm(history.first_at, history.last_at, history.active_days, until, reference)
    usual = f", usually every {_days(round(max(gap, 1)))}" if gap is not None else ""
    since = "before the newest data" if stopped else "ago"
    return Quantity(silent, f"last contact {_days((until - history.last_at).days)} {since}{usual}", ("M1",))


def rhythm(
    first: datetime, last: datetime, active_days: int, until: datetime, reference: TenantReference
) -> tuple[float, float | None]:
    """The chance (0..1) of no contact in the HORIZON_DAYS after `until`, and the usual gap in days (None for one)."""
    repeats = active_days - 1
    scale = max(reference.usual_gap_days or DEFAULT_GAP_DAYS, 1.0)
    span = (last - first).days
    observed = max((until - first).days, span)
    shape = _RATE + repeats
    ratio = shape * log((scale + observed) / (scale + span))
    alive = 1 / (1 + _GONE / (_STAY + repeats) * exp(min(ratio, 50.0)))
    silent_if_alive = ((scale + observed) / (scale + observed + HORIZON_DAYS)) ** shape
    return 1 - alive * (1 - silent_if_alive), span / repeats if repeats > 0 else None


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _rank(value: float, deciles: Sequence[float]) -> float:
    """Share (0..1) of the tenant's accounts below `value`; ties get their middle."""
    known = sorted(set(deciles))
    places = [(bisect_left(deciles, k) + bisect_right(deciles, k) - 1) / 2 / (len(deciles) - 1) for k in known]
    return interpolate(value, list(zip(known, places, strict=True)))


def interpolate(value: float, points: Sequence[tuple[float, float]]) -> float:
    """Linear between the points (x rising), flat outside."""
    if value <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if value <= x1:
            return y0 + (y1 - y0) * (value - x0) / (x1 - x0)
    return points[-1][1]


def _volume_rank(days: int) -> Feature:
    name = f"activities_{days}"

    def feature(context: AccountContext, reference: TenantReference) -> Quantity:
        deciles = reference.deciles.get(name)
        if not context.history.count or deciles is None or feed_stopped(context, reference):
            return UNKNOWN
        count = context.history.window(days).count
        text = f"{count} activities in {days} days; the middle account has {deciles[5]:.0f}"
        return Quantity(_rank(count, deciles), text, ("M2",))

    return feature


def activity_change(context: AccountContext, reference: TenantReference) -> Quantity:
    """Activities of the last 91 days divided by those of the 91 before."""
    quarter, half = context.history.window(91), context.history.window(182)
    ratio = _against_before(context, quarter.count, half.count - quarter.count)
    if ratio is None or feed_stopped(context, reference):
        return UNKNOWN
    return Quantity(ratio, f"{ratio:.0%} of the activities of the quarter before", ("M2", "M5"))


def volume_change(context: AccountContext, reference: TenantReference) -> Quantity:
    """The same for the sum of quantities, where every activity states one."""
    history = context.history
    quarter, half = history.window(91), history.window(182)
    ratio = _against_before(context, quarter.quantity, half.quantity - quarter.quantity)
    if ratio is None or history.quantities < history.count or feed_stopped(context, reference):
        return UNKNOWN
    return Quantity(ratio, f"{ratio:.0%} of the volume of the quarter before", ("M2",))


def _against_before(context: AccountContext, now: float, before: float) -> float | None:
    """The quarter before counts as far as it was observed; too little of it compares with nothing."""
    if context.history.first_at is None or before <= 0:
        return None
    seen = min((context.as_of - context.history.first_at).days + 1 - 91, 91)
    return max(now / (before * 91 / seen), 0.0) if seen >= _MIN_BASELINE_DAYS else None


def health_level(context: AccountContext, _reference: TenantReference) -> Quantity:
    """Median overall score of the last 90 days: a level that persisted, not one bad day."""
    if not context.health:
        return UNKNOWN
    level = median(point.overall for point in context.health)
    return Quantity(level, f"median health {level:.0f} of 100 in 90 days", (context.health[-1].id,))


def health_change(context: AccountContext, _reference: TenantReference) -> Quantity:
    """Mean overall score of the last 30 days minus that of the 60 before, in points."""
    recent, before = _split(context)
    if not recent or not before:
        return UNKNOWN
    change = fmean(p.overall for p in recent) - fmean(p.overall for p in before)
    return Quantity(change, f"health {change:+.1f} points against the 60 days before", (before[0].id, recent[-1].id))


def support_low(context: AccountContext, _reference: TenantReference) -> Quantity:
    """Lowest support score of the last 30 days."""
    points = [(p.support, p.id) for p in _split(context)[0] if p.support is not None]
    if not points:
        return UNKNOWN
    lowest, point = min(points)
    return Quantity(float(lowest), f"lowest support score {lowest} of 100 in 30 days", (point,))


def _split(context: AccountContext) -> tuple[list[HealthPoint], list[HealthPoint]]:
    edge = context.as_of - timedelta(days=_RECENT_DAYS)
    return [p for p in context.health if p.at > edge], [p for p in context.health if p.at <= edge]


def negative_share(context: AccountContext, _reference: TenantReference) -> Quantity:
    """Share (0..1) of negative contacts in 30 days, beside _NEUTRAL_CONTACTS imaginary neutral ones."""
    if all(activity.sentiment is None for activity in context.activities):
        return UNKNOWN
    negative = [activity.id for activity in context.activities if activity.sentiment == "NEGATIVE"]
    count = len(context.activities)
    text = f"{len(negative)} of {count} contacts in 30 days were negative"
    return Quantity(len(negative) / (count + _NEUTRAL_CONTACTS), text, ("M6", *negative[-3:]))


def days_to_renewal(context: AccountContext, _reference: TenantReference) -> Quantity:
    days = context.profile.days_to_renewal
    if days is None or days < -_OVERDUE_RENEWAL_DAYS:
        return UNKNOWN
    return Quantity(float(days), f"renewal in {days} days" if days >= 0 else f"renewal overdue by {-days} days")


def arr_rank(context: AccountContext, reference: TenantReference) -> Quantity:
    """Place of the contract's size among the tenant's accounts, 0 smallest to 1 largest."""
    deciles, arr = reference.deciles.get("arr"), context.profile.arr
    if deciles is None or arr is None:
        return UNKNOWN
    currency = context.profile.currency or ""
    return Quantity(_rank(float(arr), deciles), f"ARR {arr:,.0f} {currency}".rstrip())


def contract_change(context: AccountContext, _reference: TenantReference) -> Quantity:
    """ARR or seats now divided by 90 days ago, whichever shrank more."""
    profile = context.profile
    ratios = []
    if profile.arr is not None and profile.arr_before:
        ratios.append((float(profile.arr / profile.arr_before), "ARR"))
    if profile.seats is not None and profile.seats_before:
        ratios.append((profile.seats / profile.seats_before, "seats"))
    if not ratios:
        return UNKNOWN
    ratio, what = min(ratios)
    return Quantity(ratio, f"{what} at {ratio:.0%} of 90 days ago")


def overdue_ctas(context: AccountContext, _reference: TenantReference) -> Quantity:
    """Open calls to action past their due date."""
    if all(cta.overdue_days is None for cta in context.ctas):
        return UNKNOWN
    late = [cta.id for cta in context.ctas if cta.overdue_days]
    return Quantity(float(len(late)), f"{len(late)} overdue", tuple(late))


def open_risk_ctas(context: AccountContext, _reference: TenantReference) -> Quantity:
    risks = [cta.id for cta in context.ctas if cta.type == "RISK"]
    return Quantity(float(len(risks)), f"{len(risks)} open", tuple(risks)) if context.ctas else UNKNOWN


def lost_opportunities(context: AccountContext, _reference: TenantReference) -> Quantity:
    """Deals lost in the last 90 days."""
    lost = [deal.id for deal in context.opportunities if deal.status == "LOST"]
    return Quantity(float(len(lost)), f"{len(lost)} lost in 90 days", tuple(lost)) if context.opportunities else UNKNOWN


FEATURES: dict[str, Feature] = {
    "no_contact_ahead": no_contact_ahead,
    "rank_activities_91": _volume_rank(91),
    "rank_activities_365": _volume_rank(365),
    "activity_change": activity_change,
    "volume_change": volume_change,
    "health_level": health_level,
    "health_change": health_change,
    "support_low": support_low,
    "negative_share": negative_share,
    "days_to_renewal": days_to_renewal,
    "arr_rank": arr_rank,
    "contract_change": contract_change,
    "overdue_ctas": overdue_ctas,
    "open_risk_ctas": open_risk_ctas,
    "lost_opportunities": lost_opportunities,
}
