"""What a model claims, checked against what it was given: ids that were sent, numbers that stand in the data."""

import re
from collections.abc import Collection, Iterable
from decimal import Decimal, InvalidOperation

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:[kKmM]\b)?(?![\w]*\])")
_COARSEST = Decimal("0.05")  # share of a number that rounding may change: 42 is "about 40", 57 is not "about 60"
_SMALL = 3  # "two reasons", "1 to 3" are no claims about the data
_UNITS = {"k": 3, "m": 6}  # powers of ten


def unmatched_numbers(text: str, sources: Iterable[str]) -> tuple[str, ...]:
    """Numbers of `text` that occur in none of the `sources`, not even rounded; in order, each once."""
    read = {_value(match.group()) for source in sources for match in _NUMBER.finditer(source)}
    known = [abs(number) for number in read if number is not None]
    words = dict.fromkeys(match.group() for match in _NUMBER.finditer(text))
    return tuple(word for word in words if not _stands(_value(word), known))


def known_ids(ids: Iterable[str], sent: Collection[str]) -> tuple[str, ...]:
    """The cited ids that were sent, in order, each once."""
    return tuple(dict.fromkeys(found for found in ids if found in sent))


def _stands(claimed: Decimal | None, known: Iterable[Decimal]) -> bool:
    """Whether one of the `known` numbers is `claimed` in more digits, as it is or as a share in percent."""
    if claimed is None:
        return False
    size, half_step = abs(claimed), Decimal((0, (5,), _exponent(claimed) - 1))
    return size <= _SMALL or any(
        abs(size - value) <= min(half_step, _COARSEST * value) for number in known for value in (number, 100 * number)
    )


def _exponent(number: Decimal) -> int:
    """Of the last digit that is no padding zero: 1 for 40, -1 for 22.8."""
    exponent = number.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _value(word: str) -> Decimal | None:
    """`1,250`, `0.5`, `12,5`, `75k`; a comma before three digits groups thousands, another one is a decimal sign.

    None for what is no number, such as the date 31.12.2025.
    """
    plain = re.sub(r",(?=\d{3}(?:\D|$))", "", word.rstrip("kKmM")).replace(",", ".")
    try:
        return Decimal(plain).scaleb(_UNITS.get(word[-1].lower(), 0))
    except InvalidOperation:
        return None
