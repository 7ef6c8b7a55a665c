"""Long work and what it left behind: batches, their accounts, schedules, and the daily sums of the model's usage."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import Json, Money, UtcDateTime
from cs_ml.store.tables.base import AccountOwned, Base, TenantOwned, serial_id


class BatchRun(TenantOwned, Base):
    """A batch. `key`: a second start under the same key is the same run. `counts`: written once, at its end."""

    __tablename__ = "BatchRun"
    __table_args__ = (
        UniqueConstraint("tenantId", "key"),
        Index("BatchRun_tenantId_startedAt_idx", "tenantId", "startedAt"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, nullable=False)
    request: Mapped[Any] = mapped_column(Json, nullable=False)
    state: Mapped[str] = mapped_column(Text, nullable=False)
    total: Mapped[int] = mapped_column(Integer, nullable=False)
    counts: Mapped[Any | None] = mapped_column(Json)
    scheduled: Mapped[bool] = mapped_column(Boolean, nullable=False)
    user_id: Mapped[int | None] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    spread_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BatchItem(AccountOwned, Base):
    """One account of a batch. `state`: waiting, running (until `lease_until`), done, failed, cancelled.

    `attempt` rises with each claim, and only the newest may end the row.
    """

    __tablename__ = "BatchItem"
    __table_args__ = (
        UniqueConstraint("tenantId", "runId", "accountId"),
        Index("BatchItem_tenantId_runId_state_rank_idx", "tenantId", "runId", "state", "rank"),
    )

    id: Mapped[int] = serial_id()
    run_id: Mapped[str] = mapped_column(Text, ForeignKey("BatchRun.id", ondelete="CASCADE"), nullable=False)
    rank: Mapped[int] = mapped_column(Integer, nullable=False)
    state: Mapped[str] = mapped_column(Text, nullable=False)
    attempt: Mapped[int] = mapped_column(Integer, nullable=False)
    waits: Mapped[int] = mapped_column(Integer, nullable=False)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(Text)
    prediction_id: Mapped[int | None] = mapped_column(Integer)
    cost: Mapped[Decimal | None] = mapped_column(Money(10, 6))
    cost_known: Mapped[bool | None] = mapped_column(Boolean)
    error: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ProviderBatch(TenantOwned, Base):
    """Accounts of a batch that the provider was asked about at once. `id`: ours, which the provider keeps beside its
    own `providerId`. `entries`: account, attempt and fingerprint of each line in order, of which `done` are over."""

    __tablename__ = "ProviderBatch"
    __table_args__ = (Index("ProviderBatch_tenantId_runId_idx", "tenantId", "runId"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    run_id: Mapped[str] = mapped_column(Text, ForeignKey("BatchRun.id", ondelete="CASCADE"), nullable=False)
    model: Mapped[str] = mapped_column(Text, nullable=False)
    state: Mapped[str] = mapped_column(Text, nullable=False)
    entries: Mapped[Any] = mapped_column(Json, nullable=False)
    done: Mapped[int] = mapped_column(Integer, nullable=False)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    wait_until: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    look_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    reservation: Mapped[str | None] = mapped_column(Text)
    provider_id: Mapped[str | None] = mapped_column(Text)
    files: Mapped[Any | None] = mapped_column(Json)


class ScheduleRun(TenantOwned, Base):
    """When a schedule last began and last succeeded for a tenant. `error`: of the last run, where that failed."""

    __tablename__ = "ScheduleRun"

    tenant_id: Mapped[str] = mapped_column(Text, ForeignKey("Tenant.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    succeeded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)


class UsageDay(TenantOwned, Base):
    """The attempts of a UTC day that is over, by model and operation: what `AIUsageEvent` says, added up."""

    __tablename__ = "UsageDay"

    tenant_id: Mapped[str] = mapped_column(Text, ForeignKey("Tenant.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)
    operation: Mapped[str] = mapped_column(Text, primary_key=True)
    attempts: Mapped[int] = mapped_column(Integer, nullable=False)
    failed: Mapped[int] = mapped_column(Integer, nullable=False)
    prompt_tokens: Mapped[int] = mapped_column(Integer, nullable=False)
    completion_tokens: Mapped[int] = mapped_column(Integer, nullable=False)
    cost: Mapped[Decimal] = mapped_column(Money(12, 6), nullable=False)
    unknown_cost: Mapped[int] = mapped_column(Integer, nullable=False)
