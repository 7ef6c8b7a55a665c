"""The import bundle as a value: file name to rows, every cell text or `None` for unknown."""

import csv
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final, TypeAlias

Row: TypeAlias = dict[str, str | None]
Bundle: TypeAlias = dict[str, list[Row]]
Cell: TypeAlias = str | int | float | date | datetime | None

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "accounts.csv": (
        "account_ref", "name", "segment", "industry", "arr", "currency", "plan", "start_date", "renewal_date",
        "lifecycle_stage", "owner_email", "website",
    ),
    "account_changes.csv": (
        "account_ref", "as_of", "arr", "plan", "renewal_date", "seats", "owner_email", "lifecycle_stage",
    ),
    "custom_fields.csv": ("account_ref", "as_of", "nps", "integrations_count", "support_tier"),
    "contacts.csv": (
        "account_ref", "contact_ref", "first_name", "last_name", "email", "phone", "job_title", "role",
    ),
    "health_history.csv": (
        "account_ref", "date", "overall_score", "usage_score", "support_score", "engagement_score",
        "sentiment_score", "financial_score",
    ),
    "activities.csv": (
        "account_ref", "date", "type", "direction", "sentiment", "subject", "quantity", "amount", "activity_ref",
    ),
    "ctas.csv": ("account_ref", "created", "due", "closed", "type", "priority", "status", "title", "owner_email"),
    "opportunities.csv": (
        "account_ref", "created", "close_date", "stage", "amount", "probability", "currency", "name",
    ),
    "churn.csv": ("account_ref", "churned_on", "reason"),
}  # fmt: skip


def row(file: str, **cells: Cell) -> Row:
    """One row of `file` with its columns in order; a column not given is unknown.

    Dates become `2026-03-31`, times `2026-03-31T14:05:00Z`. Raises KeyError for a column the file does not have.
    """
    unknown = cells.keys() - set(COLUMNS[file])
    if unknown:
        raise KeyError(f"{file} has no column {sorted(unknown)}")
    return {column: _text(cells.get(column)) for column in COLUMNS[file]}


def _text(cell: Cell) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(cell, date):
        return cell.isoformat()
    return f"{cell:.2f}".rstrip("0").rstrip(".") if isinstance(cell, float) else str(cell)


def write(bundle: Bundle, directory: Path) -> None:
    """Write one CSV per file of the bundle into `directory`, which is made if missing. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    for file, rows in bundle.items():
        _write_file(directory / file, COLUMNS[file], rows)


def _write_file(path: Path, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
