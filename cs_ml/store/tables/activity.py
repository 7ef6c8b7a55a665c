"""What happens with an account: activities and deals."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    ForeignKey,
    Index,
    Integer,
    Text,
    column,
    false,
    func,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import Json, Money, TextList, UtcDateTime, labels
from cs_ml.store.tables.base import (
    AccountOwned,
    Base,
    TenantOwned,
    created_at,
    serial_id,
    updated_at,
)


class CRMActivity(AccountOwned, Base):
    __tablename__ = "CRMActivity"
    __table_args__ = (
        Index(
            "CRMActivity_tenantId_accountId_happenedAt_idx",
            "tenantId",
            "accountId",
            func.coalesce(column("completedAt"), column("scheduledAt"), column("createdAt")),
        ),
        Index(
            "CRMActivity_tenantId_externalSource_externalId_key",
            "tenantId",
            "externalSource",
            "externalId",
            unique=True,
            postgresql_where=column("externalId").is_not(None),
            sqlite_where=column("externalId").is_not(None),
        ),
    )

    _account_nullable = True
    id: Mapped[int] = serial_id()
    type: Mapped[str] = mapped_column(
        labels(
            "CRMActivityType",
            "CALL",
            "EMAIL",
            "MEETING",
            "TASK",
            "NOTE",
            "SMS",
            "LINKEDIN_MESSAGE",
            "CHAT",
            "DEMO",
            "PROPOSAL",
            "CONTRACT",
            "OTHER",
        ),
        nullable=False,
    )
    contact_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("CRMContact.id", ondelete="SET NULL"))
    opportunity_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("Opportunity.id", ondelete="SET NULL"))
    subject: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    scheduled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    duration: Mapped[int | None] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(
        labels("CRMActivityStatus", "PLANNED", "IN_PROGRESS", "COMPLETED", "CANCELLED", "NO_SHOW"),
        server_default="PLANNED",
        nullable=False,
    )
    priority: Mapped[str] = mapped_column(
        labels("CRMActivityPriority", "LOW", "NORMAL", "HIGH", "URGENT"), server_default="NORMAL", nullable=False
    )
    external_id: Mapped[str | None] = mapped_column(Text)
    external_source: Mapped[str | None] = mapped_column(Text)
    owner_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id"), nullable=False)
    created_by_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id"), nullable=False)
    details: Mapped[Any | None] = mapped_column("metadata", Json)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class Pipeline(TenantOwned, Base):
    __tablename__ = "Pipeline"
    __table_args__ = (Index("Pipeline_tenantId_idx", "tenantId"),)

    id: Mapped[int] = serial_id()
    name: Mapped[str] = mapped_column(Text, nullable=False)
    description: Mapped[str | None] = mapped_column(Text)
    is_default: Mapped[bool] = mapped_column(Boolean, server_default=false(), nullable=False)
    is_active: Mapped[bool] = mapped_column(Boolean, server_default=true(), nullable=False)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class SalesPipelineStage(Base):
    __tablename__ = "SalesPipelineStage"
    __table_args__ = (Index("SalesPipelineStage_pipelineId_idx", "pipelineId"),)

    id: Mapped[int] = serial_id()
    pipeline_id: Mapped[int] = mapped_column(Integer, ForeignKey("Pipeline.id", ondelete="CASCADE"), nullable=False)
    name: Mapped[str] = mapped_column(Text, nullable=False)
    description: Mapped[str | None] = mapped_column(Text)
    order: Mapped[int] = mapped_column(Integer, nullable=False)
    probability: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    type: Mapped[str] = mapped_column(
        labels("PipelineStageType", "OPEN", "WON", "LOST"), server_default="OPEN", nullable=False
    )
    color: Mapped[str | None] = mapped_column(Text)
    rotten_days: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class Opportunity(AccountOwned, Base):
    __tablename__ = "Opportunity"
    __table_args__ = (Index("Opportunity_tenantId_accountId_idx", "tenantId", "accountId"),)

    id: Mapped[int] = serial_id()
    name: Mapped[str] = mapped_column(Text, nullable=False)
    description: Mapped[str | None] = mapped_column(Text)
    pipeline_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("Pipeline.id", ondelete="SET NULL"))
    stage_id: Mapped[int] = mapped_column(Integer, ForeignKey("SalesPipelineStage.id"), nullable=False)
    amount: Mapped[Decimal | None] = mapped_column(Money(15, 2))
    probability: Mapped[int | None] = mapped_column(Integer)
    weighted_amount: Mapped[Decimal | None] = mapped_column(Money(15, 2))
    currency: Mapped[str] = mapped_column(Text, server_default="USD", nullable=False)
    status: Mapped[str] = mapped_column(
        labels("OpportunityStatus", "OPEN", "WON", "LOST"), server_default="OPEN", nullable=False
    )
    expected_close_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    actual_close_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lead_source: Mapped[str | None] = mapped_column(
        labels(
            "CRMLeadSource",
            "WEBSITE",
            "REFERRAL",
            "LINKEDIN",
            "COLD_CALL",
            "COLD_EMAIL",
            "EVENT",
            "PARTNER",
            "INBOUND",
            "OUTBOUND",
            "OTHER",
        )
    )
    campaign_id: Mapped[int | None] = mapped_column(Integer)
    lost_reason: Mapped[str | None] = mapped_column(Text)
    lost_reason_detail: Mapped[str | None] = mapped_column(Text)
    competitor_id: Mapped[int | None] = mapped_column(Integer)
    owner_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id"), nullable=False)
    tags: Mapped[list[str] | None] = mapped_column(TextList, default=list)
    custom_fields: Mapped[Any | None] = mapped_column(Json)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()
