"""What was learned from a tenant's outcomes: models and calibrations, as plain numbers."""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import Json, UtcDateTime
from cs_ml.store.tables.base import Base, TenantOwned, created_at, serial_id


class LearnedModel(TenantOwned, Base):
    """A trained model; the newest of a window is in force. `fingerprint`: of the rows that it was trained on."""

    __tablename__ = "LearnedModel"
    __table_args__ = (UniqueConstraint("tenantId", "windowDays", "version"),)

    id: Mapped[int] = serial_id()
    window_days: Mapped[int] = mapped_column(Integer, nullable=False)
    version: Mapped[str] = mapped_column(Text, nullable=False)
    kind: Mapped[str] = mapped_column(Text, nullable=False)
    fingerprint: Mapped[str] = mapped_column(Text, nullable=False)
    trained_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    metrics: Mapped[Any] = mapped_column(Json, nullable=False)
    numbers: Mapped[Any] = mapped_column(Json, nullable=False)
    created_at: Mapped[datetime] = created_at()


class EngineCalibration(TenantOwned, Base):
    """How an engine's raw chances are adjusted to what happened; the newest of an engine is in force."""

    __tablename__ = "EngineCalibration"
    __table_args__ = (UniqueConstraint("tenantId", "engine", "version"),)

    id: Mapped[int] = serial_id()
    engine: Mapped[str] = mapped_column(Text, nullable=False)
    version: Mapped[str] = mapped_column(Text, nullable=False)
    fitted_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    outcomes: Mapped[int] = mapped_column(Integer, nullable=False)
    churned: Mapped[int] = mapped_column(Integer, nullable=False)
    numbers: Mapped[Any] = mapped_column(Json, nullable=False)
    created_at: Mapped[datetime] = created_at()
