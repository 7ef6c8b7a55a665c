"""Values as text that both databases take and that compares equal when the value does.

Instants `YYYY-MM-DD HH:MM:SS.mmm` in UTC, money with its decimals, JSON with sorted names; the rest as it is.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Column

from cs_ml.store.columns import Money, UtcDateTime

_REMEMBERED = 50_000

Convert = Callable[[Iterable[Any]], list[Any]]


def instant_text(value: datetime) -> str:
    """`value` is aware."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def text_instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def json_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def encoder(column: Column[Any]) -> Convert:
    """From what a statement answers to stored text."""
    if isinstance(column.type, UtcDateTime):
        return _each(instant_text, remember=True)
    if isinstance(column.type, Money):
        return _each(str)
    return _each(json_text) if isinstance(column.type, JSON) else list


def decoder(column: Column[Any]) -> Convert:
    """From stored text to what a statement takes."""
    if isinstance(column.type, UtcDateTime):
        return _each(text_instant, remember=True)
    if isinstance(column.type, Money):
        return _each(Decimal)
    return _each(json.loads) if isinstance(column.type, JSON) else list


class _Remembered(dict[Any, Any]):
    """Instants repeat: each is converted once, up to a bound."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, value: Any) -> Any:
        converted = None if value is None else self._convert(value)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[value] = converted
        return converted


def _each(convert: Callable[[Any], Any], *, remember: bool = False) -> Convert:
    if remember:
        known = _Remembered(convert)
        return lambda values: list(map(known.__getitem__, values))
    return lambda values: [None if value is None else convert(value) for value in values]
