"""What the command line answers: `{"data": ...}` or a sentence on standard output, exit codes by kind of error."""

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from cs_ml.domain.errors import CsMlError, Invalid, NotFound, RateLimited

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_NOT_FOUND, EXIT_INVALID, EXIT_LIMITED = 0, 1, 2, 3, 4, 5


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


def plain(value: Any) -> Any:
    """Dataclasses, dates, money and enums as JSON values; field names in camelCase, instants as `...Z`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {camel(f.name): plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def show_data(value: Any) -> None:
    """`{"data": ...}` on standard output."""
    sys.stdout.write(json.dumps({"data": plain(value)}, ensure_ascii=False, allow_nan=False) + "\n")


def show(text: str) -> None:
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A word on progress, on standard error."""
    sys.stderr.write(text + "\n")


def exit_code(error: CsMlError) -> int:
    if isinstance(error, NotFound):
        return EXIT_NOT_FOUND
    if isinstance(error, RateLimited):
        return EXIT_LIMITED
    return EXIT_INVALID if isinstance(error, Invalid) else EXIT_FAILED


def show_error(
    message: str, code: str, *, fields: Any = None, as_json: bool, more: Mapping[str, Any] | None = None
) -> None:
    """With `--json` the error object (and `more` members) on standard output, else the sentence on standard error."""
    if not as_json:
        sys.stderr.write(message + "\n")
        return
    body = {"error": message, "code": code}
    if fields:
        body["fields"] = plain(fields)
    body |= plain(more or {})
    sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
