"""What a model claims, checked against what it was given: ids that were sent, numbers that stand in the data."""

import re
from collections.abc import Collection, Iterable

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:[kKmM]\b)?(?![\w]*\])")
_TOLERANCE = 0.05  # two digits are left by the coarsest rounding
_SMALL = 3  # "two reasons", "1 to 3" are no claims about the data
_UNITS = {"k": 1_000, "m": 1_000_000}


def unmatched_numbers(text: str, sources: Iterable[str]) -> tuple[str, ...]:
    """Numbers of `text` that occur in none of the `sources`, give or take rounding; in order, each once."""
    known = [abs(_value(match.group())) for source in sources for match in _NUMBER.finditer(source)]
    strange = [
        word
        for word in (match.group() for match in _NUMBER.finditer(text))
        if not abs(_value(word)) <= _SMALL and not any(_same(abs(_value(word)), other) for other in known)
    ]
    return tuple(dict.fromkeys(strange))


def known_ids(ids: Iterable[str], sent: Collection[str]) -> tuple[str, ...]:
    """The cited ids that were sent, in order, each once."""
    return tuple(dict.fromkeys(found for found in ids if found in sent))


def _value(word: str) -> float:
    """`1,250`, `0.5`, `12.5`, `75k`; a comma before three digits groups thousands, another one is a decimal sign.

    Not a number for what is none, such as the date 31.12.2025: it matches nothing.
    """
    unit = _UNITS.get(word[-1].lower(), 1)
    plain = re.sub(r",(?=\d{3}(?:\D|$))", "", word.rstrip("kKmM")).replace(",", ".")
    try:
        return float(plain) * unit
    except ValueError:
        return float("nan")


def _same(claimed: float, known: float) -> bool:
    """Equal after rounding, also as a share told in percent."""
    return any(abs(claimed - value) <= max(_TOLERANCE * value, 0.5) for value in (known, known * 100))
