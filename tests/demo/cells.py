"""The day and owners of the bundles under test, and how to read a cell."""

from datetime import date, datetime
from typing import Final

from cs_ml.demo.bundle import Row

TODAY: Final = date(2026, 6, 30)
OWNERS: Final = (
    "admin@northwind.example",
    "member@northwind.example",
    "viewer@northwind.example",
    "kim@northwind.example",
)


def text(entry: Row, column: str) -> str:
    value = entry[column]
    assert value is not None, (column, entry)
    return value


def day(entry: Row, column: str) -> date:
    return datetime.fromisoformat(text(entry, column)).date()
