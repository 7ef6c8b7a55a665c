"""What a model learns from: figures and words of one account at `as_of`, by name; what is unknown is absent.

Names are `family/measure/.../subject`; the subject (a source's own word, a custom field) comes last and may hold
anything. No column, kind of contact or field is named here: they are found in the data.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from math import copysign, log, log1p, sqrt
from sys import intern

from cs_ml.domain.context import (
    DIMENSIONS,
    HEALTH_BANDS_DAYS,
    WINDOWS,
    AccountContext,
    ContactBand,
    Signals,
    TenantReference,
)
from cs_ml.engines.features import feed_stopped, quantities, rhythm
from cs_ml.engines.scorecard import Scorecard

Value = float | str
Measures = dict[str, Value]

POINTS = "points/"
EVERY = "*"  # the subject "contacts of any kind"
_DECLINES = ((28, 91), (91, 182), (182, 365))
_ATTRIBUTES = ("segment", "industry", "plan", "currency", "lifecycle_stage")
_MAX_TEXT = 60


def measures(context: AccountContext, reference: TenantReference, scorecard: Scorecard) -> Measures:
    """Everything measurable. Figures are finite; large ones as logarithms, so that a tenfold customer is one step.

    `points/*` are those of the scorecard's parts, 0 where a part cannot be known.
    """
    found = [_quantities(context, reference, scorecard), _profile(context), _work(context)]
    if context.signals is not None:
        found += [_contacts(context, context.signals, reference), _health(context, context.signals)]
    return {intern(name): value for name, value in chain.from_iterable(found)}  # one copy of each name for all rows


def _quantities(
    context: AccountContext, reference: TenantReference, scorecard: Scorecard
) -> Iterator[tuple[str, Value]]:
    known = quantities(context, reference)
    for name, quantity in known.items():
        if quantity.value is not None:
            yield f"quantity/{name}", quantity.value
    for part in scorecard.part:
        value = known[part.quantity].value
        yield f"{POINTS}{part.code}", 0.0 if value is None else part.points_at(value)


def _profile(context: AccountContext) -> Iterator[tuple[str, Value]]:
    profile = context.profile
    if profile.age_days is not None:
        yield "profile/age", log1p(max(profile.age_days, 0))
    if profile.arr is not None:
        yield "profile/arr", _signed(float(profile.arr))
    if profile.arr is not None and profile.arr_before:
        yield "profile/arr_change", _signed(float(profile.arr / profile.arr_before)) - log(2)
    if profile.seats is not None:
        yield "profile/seats", log1p(max(profile.seats, 0))
    if profile.days_to_renewal is not None:
        yield "profile/days_to_renewal", float(profile.days_to_renewal)
    for name in _ATTRIBUTES:
        if value := getattr(profile, name):
            yield f"attribute/{name}", str(value)[:_MAX_TEXT]
    for name, value in profile.custom_fields.items():
        yield f"custom/{name}", value[:_MAX_TEXT] if isinstance(value, str) else _signed(float(value))


def _work(context: AccountContext) -> Iterator[tuple[str, Value]]:
    if context.ctas:
        yield "work/open_ctas", float(len(context.ctas))
    if context.opportunities:
        for status in ("OPEN", "WON", "LOST"):
            yield f"work/deals/{status}", float(sum(deal.status == status for deal in context.opportunities))


def _contacts(context: AccountContext, signals: Signals, reference: TenantReference) -> Iterator[tuple[str, Value]]:
    until = feed_stopped(context, reference) or context.as_of
    sources = signals.sources
    for source in (EVERY, *sources) if len(sources) > 1 else (EVERY,):
        bands = [band for band in signals.contacts if source in {EVERY, band.source}]
        yield from _of_source(bands, source)
        if bands:
            first, last = min(band.first_at for band in bands), max(band.last_at for band in bands)
            days = context.history.active_days if source == EVERY else sum(band.days for band in bands)
            yield f"contacts/recency/{source}", log1p(max((until - last).days, 0))
            yield f"contacts/since_first/{source}", log1p(max((until - first).days, 0))
            silent, gap = rhythm(first, last, days, until, reference)
            yield f"contacts/silence/{source}", silent
            if gap is not None:
                yield f"contacts/gap/{source}", log1p(gap)
                yield f"contacts/late/{source}", log1p(max((until - last).days, 0)) - log1p(gap)


def _of_source(bands: Sequence[ContactBand], source: str) -> Iterator[tuple[str, Value]]:
    """Sums over the nested windows, and each window's rate against that of the rest of the longer one."""
    if not bands:
        return
    for measure in ("count", "quantity", "amount"):
        if measure != "count" and not sum(band.quantities if measure == "quantity" else band.amounts for band in bands):
            continue
        sums = {days: _sum(bands, days, measure) for days in WINDOWS}
        for days, total in sums.items():
            yield f"contacts/{measure}/{days}/{source}", _signed(total)
        everything = sum(float(getattr(band, measure)) for band in bands)
        yield f"contacts/{measure}/all/{source}", _signed(everything)
        for short, long in _DECLINES:
            before = (sums[long] - sums[short]) * short / (long - short)
            yield f"contacts/{measure}_change/{short}/{source}", _signed(sums[short]) - _signed(before)
    for days in (91, 365):
        recent = [band for band in bands if band.band is not None and band.band <= days]
        count = sum(band.count for band in recent)
        if any(band.positive or band.negative for band in bands):
            yield f"contacts/negative/{days}/{source}", sum(band.negative for band in recent) / (count + 2)
        amounts = sum(band.amounts for band in recent)
        if amounts:
            yield f"contacts/size/{days}/{source}", _signed(sum(band.amount for band in recent) / amounts)


def _sum(bands: Sequence[ContactBand], days: int, measure: str) -> float:
    return sum(float(getattr(band, measure)) for band in bands if band.band is not None and band.band <= days)


def _health(context: AccountContext, signals: Signals) -> Iterator[tuple[str, Value]]:
    bands = {band.band: band for band in signals.health}
    for dimension in DIMENSIONS:
        means = {days: bands[days].means.get(dimension) for days in HEALTH_BANDS_DAYS if days in bands}
        known = [(days, mean) for days, mean in means.items() if mean is not None]
        for days, mean in known:
            yield f"health/mean/{days}/{dimension}", mean
        if len(known) > 1:
            yield f"health/change/{dimension}", known[0][1] - known[1][1]
            yield f"health/long_change/{dimension}", known[0][1] - known[-1][1]
        scores = [score for point in context.health if (score := getattr(point, dimension)) is not None]
        if scores:
            yield f"health/last/{dimension}", float(scores[-1])
            yield f"health/lowest/{dimension}", float(min(scores))
            mean = sum(scores) / len(scores)
            yield f"health/spread/{dimension}", sqrt(sum((score - mean) ** 2 for score in scores) / len(scores))
    points = sum(band.points for band in signals.health)
    if points:
        yield "health/low_year", float(min(band.lowest for band in signals.health))
        if context.health:
            best = max(band.highest for band in signals.health)
            yield "health/below_best", float(best - context.health[-1].overall)


def _signed(value: float) -> float:
    """Logarithm that also takes zero and less."""
    return copysign(log1p(abs(value)), value)
