"""What is kept to compare methods by: backtests, predictions in the shadow, and how many predictions there were."""

from datetime import datetime

from sqlalchemy import Boolean, Double, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import UtcDateTime
from cs_ml.store.tables.base import AccountOwned, Base, TenantOwned, created_at, serial_id, updated_at


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


class ShadowPrediction(AccountOwned, Base):
    """What a method that does not serve would have said of churn. Nobody is shown it; it is judged as others are."""

    __tablename__ = "ShadowPrediction"
    __table_args__ = (Index("ShadowPrediction_accountId_engine_predictedAt_idx", "accountId", "engine", "predictedAt"),)

    id: Mapped[int] = serial_id()
    engine: Mapped[str] = mapped_column(Text, nullable=False)
    engine_version: Mapped[str] = mapped_column(Text, nullable=False)
    llm_model: Mapped[str | None] = mapped_column(Text)
    prompt_version: Mapped[str | None] = mapped_column(Text)
    prediction_window: Mapped[int] = mapped_column(Integer, nullable=False)
    predicted_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    probability: Mapped[float] = mapped_column(Double, nullable=False)
    raw_probability: Mapped[float | None] = mapped_column(Double)
    actual_outcome: Mapped[bool | None] = mapped_column(Boolean)
    outcome_source: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = created_at()


class PredictedAccount(TenantOwned, Base):
    """How many predictions of a type an account had when they were last counted. The row outlives the account, which
    takes its predictions with it: `accountId` is then NULL."""

    __tablename__ = "PredictedAccount"
    __table_args__ = (UniqueConstraint("tenantId", "accountId", "predictionType", "replayed"),)

    id: Mapped[int] = serial_id()
    account_id: Mapped[int | None] = mapped_column(Integer)
    prediction_type: Mapped[str] = mapped_column(Text, nullable=False)
    replayed: Mapped[bool] = mapped_column(Boolean, nullable=False)
    number: Mapped[int] = mapped_column(Integer, nullable=False)
