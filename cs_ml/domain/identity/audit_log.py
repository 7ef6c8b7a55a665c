"""The audit log as it is read: filtered, newest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditQuery:
    """None and empty filter nothing. `subject`: the first word of an action, e.g. "cta" of "cta.accepted"."""

    subject: str | None = None
    user_id: int | None = None
    entity_ids: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRecord:
    """One entry. `user_id` None: the product itself, an operator, or nobody who is known."""

    id: int
    at: datetime
    user_id: int | None
    source: str
    action: str
    entity_type: str
    entity_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
