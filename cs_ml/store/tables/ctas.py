"""Calls to action and the playbooks behind them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ForeignKey,
    Index,
    Integer,
    Text,
    false,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import Json, UtcDateTime, labels
from cs_ml.store.tables.base import (
    AccountOwned,
    Base,
    TenantOwned,
    created_at,
    serial_id,
    updated_at,
)


class Playbook(TenantOwned, Base):
    __tablename__ = "Playbook"
    __table_args__ = (Index("Playbook_tenantId_idx", "tenantId"),)

    _tenant_nullable = True
    id: Mapped[int] = serial_id()
    name: Mapped[str] = mapped_column(Text, nullable=False)
    description: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(
        labels("PlaybookStatus", "DRAFT", "ACTIVE", "ARCHIVED"), server_default="DRAFT", nullable=False
    )
    cta_type: Mapped[str | None] = mapped_column(
        labels("CTAType", "RISK", "OPPORTUNITY", "LIFECYCLE", "ACTIVITY", "OBJECTIVE")
    )
    category: Mapped[str | None] = mapped_column(Text)
    times_used: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    created_by_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("User.id"))
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class PlaybookTask(Base):
    __tablename__ = "PlaybookTask"
    __table_args__ = (Index("PlaybookTask_playbookId_idx", "playbookId"),)

    id: Mapped[int] = serial_id()
    playbook_id: Mapped[int] = mapped_column(Integer, ForeignKey("Playbook.id", ondelete="CASCADE"), nullable=False)
    title: Mapped[str] = mapped_column(Text, nullable=False)
    description: Mapped[str | None] = mapped_column(Text)
    days_from_start: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    assign_to_owner: Mapped[bool] = mapped_column(Boolean, server_default=true(), nullable=False)
    order_index: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class CTA(AccountOwned, Base):
    __tablename__ = "CTA"
    __table_args__ = (Index("CTA_tenantId_accountId_status_idx", "tenantId", "accountId", "status"),)

    _tenant_nullable = True
    _account_nullable = True
    id: Mapped[int] = serial_id()
    client_id: Mapped[int | None] = mapped_column(Integer)
    project_id: Mapped[int | None] = mapped_column(Integer)
    owner_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id"), nullable=False)
    type: Mapped[str] = mapped_column(
        labels("CTAType", "RISK", "OPPORTUNITY", "LIFECYCLE", "ACTIVITY", "OBJECTIVE"), nullable=False
    )
    status: Mapped[str] = mapped_column(
        labels("CTAStatus", "OPEN", "IN_PROGRESS", "SNOOZED", "COMPLETED", "CANCELLED"),
        server_default="OPEN",
        nullable=False,
    )
    priority: Mapped[str] = mapped_column(
        labels("CTAPriority", "CRITICAL", "HIGH", "MEDIUM", "LOW"), server_default="MEDIUM", nullable=False
    )
    title: Mapped[str] = mapped_column(Text, nullable=False)
    description: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    due_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    snooze_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    playbook_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("Playbook.id", ondelete="SET NULL"))
    success_plan_id: Mapped[int | None] = mapped_column(Integer)
    linked_meeting_id: Mapped[int | None] = mapped_column(Integer)
    resolution_notes: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    is_automated: Mapped[bool] = mapped_column(Boolean, server_default=false(), nullable=False)
    trigger_rule: Mapped[str | None] = mapped_column(Text)
    trigger_data: Mapped[Any | None] = mapped_column(Json)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class CTATask(Base):
    __tablename__ = "CTATask"
    __table_args__ = (Index("CTATask_ctaId_idx", "ctaId"),)

    id: Mapped[int] = serial_id()
    cta_id: Mapped[int] = mapped_column(Integer, ForeignKey("CTA.id", ondelete="CASCADE"), nullable=False)
    owner_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("User.id"))
    title: Mapped[str] = mapped_column(Text, nullable=False)
    description: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(
        labels("TaskStatus", "NOT_STARTED", "BACKLOG", "IN_PROGRESS", "BLOCKED", "DONE"),
        server_default="BACKLOG",
        nullable=False,
    )
    due_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    order_index: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    is_from_playbook: Mapped[bool] = mapped_column(Boolean, server_default=false(), nullable=False)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()
