"""Backtests that are kept."""

from datetime import datetime

from sqlalchemy import Boolean, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.tables.base import Base, TenantOwned, created_at, serial_id, updated_at


class BacktestRun(TenantOwned, Base):
    """The parameters and the progress of a backtest; its predictions are stored as replays."""

    __tablename__ = "BacktestRun"
    __table_args__ = (UniqueConstraint("tenantId", "engine", "firstDay", "lastDay", "everyDays", "windowDays"),)

    id: Mapped[int] = serial_id()
    engine: Mapped[str] = mapped_column(Text, nullable=False)
    first_day: Mapped[str] = mapped_column(Text, nullable=False)
    last_day: Mapped[str] = mapped_column(Text, nullable=False)
    every_days: Mapped[int] = mapped_column(Integer, nullable=False)
    window_days: Mapped[int] = mapped_column(Integer, nullable=False)
    status: Mapped[str] = mapped_column(Text, nullable=False)
    dates: Mapped[int] = mapped_column(Integer, nullable=False)
    done: Mapped[int] = mapped_column(Integer, nullable=False)
    predictions: Mapped[int] = mapped_column(Integer, nullable=False)
    cancelled: Mapped[bool] = mapped_column(Boolean, nullable=False)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()
