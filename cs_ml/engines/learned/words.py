"""Features in plain words: which of them say the same, what that is called, and how a value reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, expm1

from cs_ml.engines.features import Quantity
from cs_ml.engines.learned.features import EVERY, POINTS, Value
from cs_ml.engines.scorecard import Part, Scorecard

# Quantities of the scorecard belong to what the other features tell of the same matter.
_MATTER_OF_QUANTITY: Mapping[str, str] = {
    "no_contact_ahead": f"pace/{EVERY}",
    "rank_activities_91": f"volume/{EVERY}",
    "rank_activities_365": f"volume/{EVERY}",
    "activity_change": f"change/{EVERY}",
    "volume_change": f"change/{EVERY}",
    "health_level": "health/overall",
    "health_change": "health_change/overall",
    "support_low": "health/support",
    "negative_share": f"mood/{EVERY}",
    "days_to_renewal": "profile/days_to_renewal",
    "arr_rank": "profile/arr",
    "contract_change": "profile/arr_change",
}
_PACE = frozenset({"recency", "since_first", "silence", "gap", "late"})
_MATTER_WORDS: Mapping[str, str] = {
    "volume": "{}: how much",
    "change": "{}: more or less than before",
    "pace": "{}: how long ago, and how often",
    "mood": "{}: how many are negative",
    "size": "{}: how large",
    "health": "Health, {}: level",
    "health_change": "Health, {}: change",
    "health_swing": "Health, {}: ups and downs",
    "profile/age": "How long a customer",
    "profile/arr": "Size of the contract",
    "profile/arr_change": "Change of the contract",
    "profile/seats": "Seats",
    "profile/days_to_renewal": "Time to the renewal",
    "work/open_ctas": "Open calls to action",
    "attribute": "{}",
    "custom": "{}",
}


@dataclass(frozen=True, slots=True)
class Matter:
    """Features that tell of one thing. `part`: that of the scorecard which is about the same, if any."""

    code: str
    label: str
    part: Part | None


def matters(names: list[str], scorecard: Scorecard) -> dict[str, Matter]:
    """The matter of each feature."""
    parts = {part.code: part for part in scorecard.part}
    by_code = {_of_quantity(part.quantity): part for part in reversed(scorecard.part)}
    found = {}
    for name in names:
        code = _matter_code(name, parts)
        found[name] = Matter(code, _label(code, by_code), by_code.get(code))
    return found


def _of_quantity(quantity: str) -> str:
    return _MATTER_OF_QUANTITY.get(quantity, f"quantity/{quantity}")


def _matter_code(name: str, parts: Mapping[str, Part]) -> str:
    family, _, rest = name.partition("/")
    if name.startswith(POINTS):
        return _of_quantity(parts[rest].quantity) if rest in parts else name
    match family:
        case "quantity":
            return _of_quantity(rest)
        case "contacts":
            return _contact_matter(rest)
        case "health":
            measure, _, dimension = rest.rpartition("/")
            if measure.endswith("change"):
                return f"health_change/{dimension}"
            return (
                f"health_swing/{dimension}" if measure == "spread" else f"health/{dimension if measure else 'overall'}"
            )
        case "work" if rest.startswith("deals"):
            return "quantity/lost_opportunities"
    return name


def _contact_matter(rest: str) -> str:
    measure, _, subject = rest.partition("/")
    if measure in _PACE:
        return f"pace/{subject}"
    source = subject.partition("/")[2]
    if measure == "negative":
        return f"mood/{source}"
    if measure == "size":
        return f"size/{source}"
    return f"change/{source}" if measure.endswith("_change") else f"volume/{source}"


def _label(code: str, by_code: Mapping[str, Part]) -> str:
    family, _, subject = code.partition("/")
    template = _MATTER_WORDS.get(code) or _MATTER_WORDS.get(family)
    if template is None:
        return by_code[code].label if code in by_code else words(subject or family)
    return template.format("Contact" if subject == EVERY else words(subject))


def words(name: str) -> str:
    """A name of the source as it can be read."""
    return name.replace("_", " ").strip().capitalize() or name


def describe(name: str, value: Value | None, known: Mapping[str, Quantity], scorecard: Scorecard) -> str:
    """A feature's value in words; `known` are the account's quantities, "unknown" where there is nothing to say."""
    family, _, rest = name.partition("/")
    if name.startswith(POINTS):
        part = next((part for part in scorecard.part if part.code == rest), None)
        return known[part.quantity].text if part else "unknown"
    if family == "quantity":
        return known[rest].text if rest in known else "unknown"
    return "unknown" if value is None else figure_words(name, value)


def figure_words(name: str, value: Value) -> str:
    """A value that is no quantity of the scorecard, as people say it; also that of the middle account."""
    if isinstance(value, str):
        return value
    family, _, rest = name.partition("/")
    match family:
        case "contacts":
            measure, _, subject = rest.partition("/")
            return _contact_words(measure, value, subject.partition("/")[0])
        case "health":
            return _health_words(rest, value)
        case "custom":
            return f"{_plain(value):g}"
        case _:
            said = _PROFILE_WORDS.get(name)
            return said(value) if said else f"{value:g}"


_PROFILE_WORDS: Mapping[str, Callable[[float], str]] = {
    "profile/age": lambda value: _days(expm1(value)),
    "profile/arr": lambda value: f"{_plain(value):,.0f} a year",
    "profile/arr_change": lambda value: f"{(2 * exp(value) - 1):.0%} of 90 days ago",
    "profile/seats": lambda value: f"{expm1(value):,.0f} seats",
    "profile/days_to_renewal": lambda value: f"renewal in {value:.0f} days",
}


def _contact_words(measure: str, value: float, days: str) -> str:
    span = "in all" if days == "all" else f"in {days} days"
    match measure:
        case "recency":
            return f"the last {_days(expm1(value))} ago"
        case "since_first":
            return f"the first {_days(expm1(value))} ago"
        case "gap":
            return f"usually every {_days(expm1(value))}"
        case "late":
            return f"{exp(value):.1f} times the usual gap since the last"
        case "silence":
            return f"{value:.0%} chance of none in the next 90 days"
        case "negative":
            return f"{value:.0%} negative {span}"
        case "size":
            return f"{_plain(value):,.0f} each {span}"
        case "count":
            return f"{_plain(value):,.0f} {span}"
        case "quantity" | "amount":
            return f"{measure} {_plain(value):,.0f} {span}"
        case _:
            return f"{exp(value):.0%} of the {measure.removesuffix('_change')} before, {span}"


def _health_words(rest: str, value: float) -> str:
    measure, _, tail = rest.partition("/")
    match measure:
        case "mean":
            return f"{value:.0f} of 100 on average, {tail.partition('/')[0]} days"
        case "change" | "long_change":
            return f"{value:+.1f} points"
        case "spread":
            return f"swings of {value:.1f} points"
        case "below_best":
            return f"{value:.0f} points below its best"
        case _:
            return f"{value:.0f} of 100 ({'lowest' if 'low' in measure else measure})"


def _plain(value: float) -> float:
    """Back from the logarithm of `features`."""
    return expm1(value) if value >= 0 else -expm1(-value)


def _days(count: float) -> str:
    return "1 day" if round(count) == 1 else f"{count:.0f} days"
