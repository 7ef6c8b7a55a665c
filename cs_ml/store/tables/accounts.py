"""Accounts, their contacts and their health."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    Double,
    ForeignKey,
    Index,
    Integer,
    Text,
    false,
    func,
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


class Account(TenantOwned, Base):
    __tablename__ = "Account"
    __table_args__ = (Index("Account_tenantId_ownerId_idx", "tenantId", "ownerId"),)

    id: Mapped[int] = serial_id()
    name: Mapped[str] = mapped_column(Text, nullable=False)
    website: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    parent_account_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("Account.id", ondelete="SET NULL"))
    type: Mapped[str] = mapped_column(
        labels("AccountType", "PROSPECT", "CUSTOMER", "PARTNER", "COMPETITOR", "CHURNED", "OTHER"),
        server_default="PROSPECT",
        nullable=False,
    )
    industry: Mapped[str | None] = mapped_column(Text)
    employee_count: Mapped[str | None] = mapped_column(
        labels("AccountEmployeeCount", "SOLO", "MICRO", "SMALL", "MEDIUM", "LARGE", "ENTERPRISE")
    )
    annual_revenue: Mapped[Decimal | None] = mapped_column(Money(15, 2))
    billing_address: Mapped[Any | None] = mapped_column(Json)
    shipping_address: Mapped[Any | None] = mapped_column(Json)
    health_score: Mapped[int | None] = mapped_column(Integer, server_default="50")
    engagement_score: Mapped[int | None] = mapped_column(Integer, server_default="50")
    churn_risk: Mapped[float | None] = mapped_column(Double)
    owner_id: Mapped[int] = mapped_column(Integer, ForeignKey("User.id"), nullable=False)
    tags: Mapped[list[str] | None] = mapped_column(TextList, default=list)
    custom_fields: Mapped[Any | None] = mapped_column(Json)
    archived: Mapped[bool] = mapped_column(Boolean, server_default=false(), nullable=False)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class CRMContact(AccountOwned, Base):
    __tablename__ = "CRMContact"
    __table_args__ = (Index("CRMContact_tenantId_accountId_idx", "tenantId", "accountId"),)

    _account_nullable = True
    id: Mapped[int] = serial_id()
    first_name: Mapped[str] = mapped_column(Text, nullable=False)
    last_name: Mapped[str] = mapped_column(Text, nullable=False)
    email: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    mobile: Mapped[str | None] = mapped_column(Text)
    job_title: Mapped[str | None] = mapped_column(Text)
    department: Mapped[str | None] = mapped_column(Text)
    lifecycle: Mapped[str] = mapped_column(
        labels("ContactLifecycle", "LEAD", "MQL", "SQL", "OPPORTUNITY", "CUSTOMER", "EVANGELIST", "CHURNED"),
        server_default="LEAD",
        nullable=False,
    )
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
    lead_score: Mapped[int | None] = mapped_column(Integer)
    is_primary: Mapped[bool] = mapped_column(Boolean, server_default=false(), nullable=False)
    do_not_contact: Mapped[bool] = mapped_column(Boolean, server_default=false(), nullable=False)
    linkedin_url: Mapped[str | None] = mapped_column(Text)
    twitter_url: Mapped[str | None] = mapped_column(Text)
    address: Mapped[Any | None] = mapped_column(Json)
    owner_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("User.id"))
    tags: Mapped[list[str] | None] = mapped_column(TextList, default=list)
    custom_fields: Mapped[Any | None] = mapped_column(Json)
    archived: Mapped[bool] = mapped_column(Boolean, server_default=false(), nullable=False)
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()


class AccountHealthScoreHistory(AccountOwned, Base):
    __tablename__ = "AccountHealthScoreHistory"
    __table_args__ = (
        Index("AccountHealthScoreHistory_tenantId_accountId_calculatedAt_idx", "tenantId", "accountId", "calculatedAt"),
    )

    id: Mapped[int] = serial_id()
    overall_score: Mapped[int] = mapped_column(Integer, nullable=False)
    category: Mapped[str] = mapped_column(
        labels("HealthScoreCategory", "HEALTHY", "AT_RISK", "CRITICAL"), server_default="AT_RISK", nullable=False
    )
    usage_score: Mapped[int | None] = mapped_column(Integer)
    support_score: Mapped[int | None] = mapped_column(Integer)
    engagement_score: Mapped[int | None] = mapped_column(Integer)
    sentiment_score: Mapped[int | None] = mapped_column(Integer)
    financial_score: Mapped[int | None] = mapped_column(Integer)
    usage_weight: Mapped[int] = mapped_column(Integer, server_default="40", nullable=False)
    support_weight: Mapped[int] = mapped_column(Integer, server_default="25", nullable=False)
    engagement_weight: Mapped[int] = mapped_column(Integer, server_default="20", nullable=False)
    sentiment_weight: Mapped[int] = mapped_column(Integer, server_default="15", nullable=False)
    financial_weight: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    previous_score: Mapped[int | None] = mapped_column(Integer)
    score_trend: Mapped[str | None] = mapped_column(Text)
    trend_percentage: Mapped[float | None] = mapped_column(Double)
    churn_risk: Mapped[float | None] = mapped_column(Double)
    expansion_potential: Mapped[float | None] = mapped_column(Double)
    calculation_notes: Mapped[str | None] = mapped_column(Text)
    calculated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, server_default=func.current_timestamp(), nullable=False
    )
    created_at: Mapped[datetime] = created_at()
