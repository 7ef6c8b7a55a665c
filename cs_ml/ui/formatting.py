"""Values as people read them: every number with its unit, every time in the reader's zone. No Streamlit here.

Chances are 0..1 and written as percent; differences between chances or scores are written as points, so that
"10 % more" and "10 points more" cannot be mixed up. A value that is not known is `UNKNOWN`, never 0.
"""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from math import ceil

from cs_ml.domain.llm.usage import FAULT_SENTENCES, BreakerState, Fault
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.predictions import Method

UNKNOWN = "not known"
NARROW = "\N{NO-BREAK SPACE}"  # a number is never parted from its unit
_MINUS = "\N{MINUS SIGN}"

BAND_SHAPES: Mapping[RiskBand, str] = {
    RiskBand.CRITICAL: "\N{BLACK DIAMOND}",
    RiskBand.HIGH: "\N{BLACK UP-POINTING TRIANGLE}",
    RiskBand.MEDIUM: "\N{BLACK CIRCLE}",
    RiskBand.LOW: "\N{WHITE CIRCLE}",
}
ENGINE_WORDS: Mapping[Method, str] = {
    "rules": "Scorecard",
    "learned": "Learned from your outcomes",
    "llm": "Language model",
    "statistics": "Statistics of the scores",
}
DERIVED = (
    "Your CRM sends no health scores. These are computed from activity: how recent it is, how much against the "
    "account's own past, its mood, and open risks."
)

_UNITS = ((365 * 86400, "year"), (30 * 86400, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def percent(share: float | None) -> str:
    """0..1 as whole percent; what would round to none or all is said so."""
    if share is None:
        return UNKNOWN
    if 0 < share < 0.005:
        return f"under 1{NARROW}%"
    if 0.995 <= share < 1:
        return f"over 99{NARROW}%"
    return f"{_rounded(share * 100)}{NARROW}%"


def chance_words(chance: float) -> str:
    """A chance as a count of accounts: "about 6 in 10 like this"."""
    if chance >= 0.95:
        return "nearly all like this"
    if chance >= 0.15:
        return f"about {_rounded(chance * 10)} in 10 like this"
    if chance >= 0.015:
        return f"about 1 in {_round_number(1 / chance)} like this"
    return "fewer than 1 in 60 like this"


def times_usual(chance: float, base_rate: float) -> str:
    """A chance beside what is usual at the tenant: "3 times the usual"."""
    if base_rate <= 0:
        return "no usual rate to compare with"
    ratio = chance / base_rate
    if ratio >= 1.75:
        return f"{ratio:.0f} times the usual" if ratio >= 2.75 else f"{_half(ratio)} times the usual"
    if ratio >= 1.2:
        return "somewhat above the usual"
    if ratio > 0.8:
        return "about the usual"
    return "somewhat below the usual" if ratio > 0.6 else "half the usual or less"


def points(difference: float, *, digits: int = 0) -> str:
    """A difference on a scale of 0..100, with its sign: "+12 points"."""
    size = f"{abs(difference):.{digits}f}"
    sign = "" if float(size) == 0 else "+" if difference > 0 else _MINUS
    return f"{sign}{size}{NARROW}{'point' if size == '1' else 'points'}"


def points_apart(one: float, other: float) -> int:
    """Between two chances as `percent` shows them, so that readers can subtract them."""
    return abs(_rounded(one * 100) - _rounded(other * 100))


def money(amount: Decimal | None, currency: str | None) -> str:
    """An amount with its currency: "48,000 USD"; cents only below 1,000."""
    if amount is None:
        return UNKNOWN
    if abs(amount) >= 1000 or amount == amount.to_integral_value():
        size = f"{amount.quantize(Decimal(1), ROUND_HALF_UP):,}"
    else:
        size = f"{amount.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
    return f"{size.replace('-', _MINUS)}{NARROW}{currency or '(currency not known)'}"


def small_cost(dollars: Decimal | None) -> str:
    """What a call cost: "0.0004 USD"; a price that is not known is no 0."""
    if dollars is None:
        return UNKNOWN
    if 0 < dollars < Decimal("0.0001"):
        return f"under 0.0001{NARROW}USD"
    return f"{dollars.quantize(Decimal('0.0001'), ROUND_HALF_UP).normalize():f}{NARROW}USD"


def seconds(milliseconds: int) -> str:
    """How long something took: "0.9 seconds"."""
    return f"{milliseconds / 1000:.1f}{NARROW}seconds"


def count(number: int, thing: str) -> str:
    """ "1 account", "1,204 accounts"."""
    return f"{number:,}{NARROW}{thing if number == 1 else thing + 's'}"


def day(at: date | datetime | None, zone: tzinfo) -> str:
    """ "22 Nov 2026", in the reader's zone; a plain date has none."""
    if at is None:
        return UNKNOWN
    local = at.astimezone(zone) if isinstance(at, datetime) else at
    return f"{local.day}{NARROW}{local:%b}{NARROW}{local.year}"


def instant(at: datetime, zone: tzinfo) -> str:
    """ "22 Nov 2026, 14:05"."""
    return f"{day(at, zone)}, {at.astimezone(zone):%H:%M}"


def ago(at: datetime, now: datetime) -> str:
    """ "3 days ago", "in 2 months", "just now"."""
    seconds = (now - at).total_seconds()
    for size, name in _UNITS:
        if abs(seconds) >= size:
            amount = count(int(abs(seconds) // size), name)
            return f"{amount} ago" if seconds > 0 else f"in {amount}"
    return "just now"


def when(at: datetime | None, now: datetime, zone: tzinfo) -> str:
    """Absolute and relative: "22 Nov 2026 (3 days ago)"."""
    return UNKNOWN if at is None else f"{day(at, zone)} ({ago(at, now)})"


def countdown(days: int | None) -> str:
    """Days to a date: "in 12 days", "today", "3 days ago"."""
    if days is None:
        return UNKNOWN
    if days == 0:
        return "today"
    return f"in {count(days, 'day')}" if days > 0 else f"{count(-days, 'day')} ago"


def band_label(band: RiskBand) -> str:
    """Shape and word, for where there is no colour: "▲ High risk"."""
    return f"{BAND_SHAPES[band]} {band.value.capitalize()} risk"


def words(code: str) -> str:
    """A stored code as words: "IN_PROGRESS" is "in progress"."""
    return code.replace("_", " ").strip().lower()


def fault_words(reason: str) -> str:
    """A stored `fallback_reason` as a sentence."""
    return FAULT_SENTENCES[Fault(reason)] if reason in set(Fault) else f"{words(reason).capitalize()}."


def next_try(state: BreakerState) -> str:
    """When a model that is left alone is asked again."""
    if state.kind == "half_open":
        return "The next call tries it again."
    if state.retry_in_s is None:
        return "It is tried again after a restart with other settings."
    return f"It is tried again in {count(ceil(state.retry_in_s), 'second')}."


def _rounded(value: float) -> int:
    return int(Decimal(str(value)).quantize(Decimal(1), ROUND_HALF_UP))


def _round_number(value: float) -> int:
    """A number that people use in speech: 7, 10, 15, 20, 30 ..."""
    whole = _rounded(value)
    return whole if whole <= 10 else 5 * _rounded(value / 5) if whole <= 25 else 10 * _rounded(value / 10)


def _half(value: float) -> str:
    return f"{_rounded(value * 2) / 2:g}"
