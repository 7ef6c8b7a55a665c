"""What was decided, by whom, and what it changed."""

from sqlalchemy import Index, Integer, Text

from cs_ml.store.columns import Json, UtcDateTime
from cs_ml.store.migrations.baseline.words import optional, required, serial, table, tenant

table(
    "AuditEvent",
    serial(),
    tenant(),
    *required(UtcDateTime, "at"),
    *optional(Integer, "userId"),
    *required(Text, "source", "action", "entityType", "entityId"),
    *optional(Json, "before", "after"),
    Index(None, "tenantId", "at"),
    Index(None, "tenantId", "entityType", "entityId"),
    own=True,
)
