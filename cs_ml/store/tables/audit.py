"""What was decided, by whom, and what it changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import JsonOrNull, UtcDateTime
from cs_ml.store.tables.base import Base, TenantOwned, serial_id


class AuditEvent(TenantOwned, Base):
    """Rows are only ever added. Ids, never names; `user_id` is no key to a user, so that an entry outlives its user."""

    __tablename__ = "AuditEvent"
    __table_args__ = (
        Index("AuditEvent_tenantId_at_idx", "tenantId", "at"),
        Index("AuditEvent_tenantId_entityType_entityId_idx", "tenantId", "entityType", "entityId"),
    )

    id: Mapped[int] = serial_id()
    at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    user_id: Mapped[int | None] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(Text, nullable=False)
    action: Mapped[str] = mapped_column(Text, nullable=False)
    entity_type: Mapped[str] = mapped_column(Text, nullable=False)
    entity_id: Mapped[str] = mapped_column(Text, nullable=False)
    before: Mapped[Any | None] = mapped_column(JsonOrNull)
    after: Mapped[Any | None] = mapped_column(JsonOrNull)
