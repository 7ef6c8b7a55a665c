"""Tables that leave the product: no cell of a customer is ever read as a formula by a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain

Rows = Sequence[Mapping[str, object]]

# What spreadsheets take for the start of a formula, full-width forms too; white space before it does not help.
_RISKY = re.compile(r"\s*[=+\-@＝＋－＠|%]|[\t\r\n\0]")  # fmt: skip
_ENCODING = "utf-8-sig"  # without its mark Excel reads UTF-8 as the local code page


def safe_text(value: str) -> str:
    """`value`, led by an apostrophe where a spreadsheet would run it."""
    return f"'{value}" if _RISKY.match(value) else value


def safe_rows(rows: Rows) -> list[dict[str, object]]:
    """For `st.dataframe`, whose own download cannot be switched off: risky text cells and headings made harmless."""
    return [
        {safe_text(name): safe_text(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    ]


def csv_bytes(rows: Rows) -> bytes:
    """UTF-8 with a byte order mark; headings are the keys of all rows in order of appearance; None is empty."""
    return _written(list(dict.fromkeys(name for row in rows for name in row)), rows)


def csv_of_alike(rows: Iterable[Mapping[str, object]]) -> bytes:
    """The same of rows that have one set of keys: written as they come, so that no more than the file is held."""
    coming = iter(rows)
    first = next(coming, {})
    return _written(list(first), chain([first] if first else [], coming))


def _written(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    held = io.BytesIO()
    stream = io.TextIOWrapper(held, _ENCODING, newline="")
    writer = csv.writer(stream)
    writer.writerow([safe_text(name) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    stream.flush()
    return held.getvalue()


def file_name(tenant: str, page: str, day: date) -> str:
    """ "acme-portfolio-2026-11-22.csv"; anything but letters, digits and dashes is dropped."""
    parts = [re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") or "export" for part in (tenant, page)]
    return f"{'-'.join(parts)}-{day.isoformat()}.csv"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return safe_text(value) if isinstance(value, str) else str(value)
