"""What was decided, by whom, and what it changed: entries are only ever added. Ids and values, never names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """`action` as `subject.verb`, e.g. "cta.accepted". `before`, `after`: JSON values of what changed."""

    at: datetime
    action: str
    entity_type: str
    entity_id: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
