"""What a tenant's accounts taught about the movement of health scores, dated."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import Json, UtcDateTime
from cs_ml.store.tables.base import Base, TenantOwned, created_at, serial_id


class HealthReference(TenantOwned, Base):
    """One row per tenant and Monday that was asked for; deleting all of them loses nothing."""

    __tablename__ = "HealthReference"
    __table_args__ = (UniqueConstraint("tenantId", "asOf"),)

    id: Mapped[int] = serial_id()
    as_of: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    movement: Mapped[Any] = mapped_column(Json, nullable=False)
    created_at: Mapped[datetime] = created_at()
