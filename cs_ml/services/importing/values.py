"""Text of a cell -> its one stored form; ValueError where it has none.

The stored form is what both databases take as it stands: instants `YYYY-MM-DD HH:MM:SS.mmm` in UTC, money and numbers
as plain text, scores and counts as int. An empty cell is None. Columns are converted as a whole, and a value seen
before is looked up: that, and not one call per cell, is what makes a million rows quick.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any, Protocol

from cs_ml.domain.bundle import Column, Kind
from cs_ml.store.bulk.stored_text import instant_text

_REMEMBERED = 50_000  # values of one column; beyond it the memory starts anew
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?", re.ASCII)
_EMAIL = re.compile(r"[^@\s\x00-\x20]+@[^@\s\x00-\x20]+")
_FIRST_YEAR = 1900
_MAX_MONEY = Decimal(10) ** 13
_MAX_NUMBER = Decimal(10) ** 15
_CENT = Decimal("0.01")

Parse = Callable[[str], Any]


class Converter(Protocol):
    """`convert`: a whole column, ValueError if any cell is bad. `check`: one cell."""

    def convert(self, cells: Sequence[str]) -> list[Any]: ...

    def check(self, cell: str) -> Any: ...


class Memo(dict[str, Any]):
    """Remembers what `parse` made of a text, up to a bound."""

    def __init__(self, parse: Parse) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> Any:
        value = self._parse(text)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[text] = value
        return value


class _Parsed:
    """Values that repeat: dates, scores, numbers, choices, references."""

    def __init__(self, parse: Parse) -> None:
        self._memo = Memo(parse)

    def convert(self, cells: Sequence[str]) -> list[Any]:
        return list(map(self._memo.__getitem__, cells))

    def check(self, cell: str) -> Any:
        return self._memo[cell]


class _Text:
    """Text stays as it is, blanks and zeros included."""

    def __init__(self, limit: int, *, required: bool) -> None:
        self._limit, self._required = limit, required

    def convert(self, cells: Sequence[str]) -> list[str | None]:
        if max(map(len, cells), default=0) > self._limit or (self._required and "" in cells):
            raise ValueError
        return [cell or None for cell in cells]

    def check(self, cell: str) -> str | None:
        return self.convert((cell,))[0]


def converter(column: Column, accounts: Mapping[str, int] | None) -> Converter:
    """`accounts`: account_ref -> position; None where accounts.csv could not be read, then every reference will do."""
    if column.kind is Kind.TEXT:
        return _Text(column.limit, required=column.required)
    if column.kind is Kind.ACCOUNT:
        return _Parsed(partial(_account, accounts))
    parse = _PARSERS[column.kind]
    return _Parsed(partial(_optional, partial(parse, column), required=column.required))


def _optional(parse: Parse, text: str, *, required: bool) -> Any:
    if text:
        return parse(text)
    if required:
        raise ValueError
    return None


def _account(accounts: Mapping[str, int] | None, text: str) -> int:
    if accounts is None:
        return -1
    if text not in accounts:
        raise ValueError
    return accounts[text]


def _instant(_: Column, text: str) -> str:
    if not _INSTANT.fullmatch(text):
        raise ValueError
    value = datetime.fromisoformat(text)
    try:
        value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError from None
    if value.year < _FIRST_YEAR:
        raise ValueError
    return instant_text(value)


def _decimal(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return Decimal(text)


def _money(_: Column, text: str) -> str:
    value = _decimal(text)
    if abs(value) >= _MAX_MONEY - 1:
        raise ValueError
    return str(value.quantize(_CENT, rounding=ROUND_HALF_EVEN) + 0)  # + 0: no negative zero


def _number(_: Column, text: str) -> str:
    value = _decimal(text)
    if abs(value) >= _MAX_NUMBER:
        raise ValueError
    return number_text(float(value))


def number_text(value: float) -> str:
    """As JSON has it: whole numbers without a point, so that both databases give the same back."""
    return str(int(value)) if value.is_integer() else repr(value)


def _score(_: Column, text: str) -> int:
    value = _decimal(text)
    if not 0 <= value <= 100:
        raise ValueError
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _percentage(_: Column, text: str) -> float:
    value = _decimal(text)
    if not 0 <= value <= 100:
        raise ValueError
    return float(value)


def _count(column: Column, text: str) -> int:
    value = _decimal(text)
    if not column.low <= value <= column.high or value != int(value):
        raise ValueError
    return int(value)


def _flag(_: Column, text: str) -> bool:
    return bool(("0", "1").index(text))


def _choice(column: Column, text: str) -> str:
    folded = text.casefold()
    found = next((choice for choice in column.choices if choice.casefold() == folded), None)
    if found is None:
        raise ValueError
    return found


def _email(column: Column, text: str) -> str:
    if len(text) > column.limit or not _EMAIL.fullmatch(text):
        raise ValueError
    return text


_PARSERS: Mapping[Kind, Callable[[Column, str], Any]] = {
    Kind.INSTANT: _instant,
    Kind.MONEY: _money,
    Kind.NUMBER: _number,
    Kind.SCORE: _score,
    Kind.PERCENTAGE: _percentage,
    Kind.COUNT: _count,
    Kind.FLAG: _flag,
    Kind.CHOICE: _choice,
    Kind.EMAIL: _email,
}
