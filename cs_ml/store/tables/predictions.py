"""Predictions and what the models cost."""

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
    func,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import Json, JsonOrNull, Money, UtcDateTime, labels
from cs_ml.store.tables.base import (
    AccountOwned,
    Base,
    TenantOwned,
    created_at,
    serial_id,
    updated_at,
)


class AccountMLPrediction(AccountOwned, Base):
    __tablename__ = "AccountMLPrediction"
    __table_args__ = (
        Index("AccountMLPrediction_tenantId_idx", "tenantId"),
        Index("AccountMLPrediction_accountId_idx", "accountId"),
        Index("AccountMLPrediction_tenantId_predictionType_idx", "tenantId", "predictionType"),
        Index(
            "AccountMLPrediction_tenantId_predictionType_status_accountI_idx",  # cut to 63 letters, as Prisma does
            "tenantId",
            "predictionType",
            "status",
            "accountId",
        ),
        Index("AccountMLPrediction_accountId_predictionType_status_idx", "accountId", "predictionType", "status"),
        Index("AccountMLPrediction_predictionType_status_idx", "predictionType", "status"),
        Index("AccountMLPrediction_validUntil_status_idx", "validUntil", "status"),
        Index("AccountMLPrediction_predictedAt_idx", "predictedAt"),
    )

    id: Mapped[int] = serial_id()
    prediction_type: Mapped[str] = mapped_column(
        labels("MLPredictionType", "CHURN", "HEALTH_TREND", "EXPANSION", "ENGAGEMENT_DECLINE"), nullable=False
    )
    status: Mapped[str] = mapped_column(
        labels("MLPredictionStatus", "ACTIVE", "EXPIRED", "VALIDATED"), server_default="ACTIVE", nullable=False
    )
    probability: Mapped[float] = mapped_column(Double, nullable=False)
    confidence: Mapped[float] = mapped_column(Double, nullable=False)
    prediction_window: Mapped[int] = mapped_column(Integer, server_default="90", nullable=False)
    risk_factors: Mapped[Any] = mapped_column(Json, nullable=False)
    explanation: Mapped[str | None] = mapped_column(Text)
    recommendations: Mapped[Any | None] = mapped_column(Json)
    predicted_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.current_timestamp(), nullable=False)
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    actual_outcome: Mapped[bool | None] = mapped_column(Boolean)
    validated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    was_accurate: Mapped[bool | None] = mapped_column(Boolean)
    llm_model: Mapped[str | None] = mapped_column(Text)
    llm_tokens_used: Mapped[int | None] = mapped_column(Integer)
    llm_cost: Mapped[float | None] = mapped_column(Double)
    generated_cta_id: Mapped[int | None] = mapped_column(
        Integer, ForeignKey("CTA.id", ondelete="SET NULL"), unique=True
    )
    created_at: Mapped[datetime] = created_at()
    updated_at: Mapped[datetime] = updated_at()
    # Ours, all nullable: they are added to an adopted CRM's table too (decisions: extras of a prediction).
    engine: Mapped[str | None] = mapped_column(Text)
    engine_version: Mapped[str | None] = mapped_column(Text)
    origin: Mapped[str | None] = mapped_column(Text)
    as_of: Mapped[datetime | None] = mapped_column(UtcDateTime)
    category: Mapped[str | None] = mapped_column(Text)
    raw_probability: Mapped[float | None] = mapped_column(Double)
    base_rate: Mapped[float | None] = mapped_column(Double)
    drivers: Mapped[Any | None] = mapped_column(Json)
    evidence: Mapped[Any | None] = mapped_column(Json)
    parts: Mapped[Any | None] = mapped_column(Json)
    completeness: Mapped[Any | None] = mapped_column(Json)
    fallback_reason: Mapped[str | None] = mapped_column(Text)
    prompt_version: Mapped[str | None] = mapped_column(Text)
    latency_ms: Mapped[int | None] = mapped_column(Integer)
    cost_known: Mapped[bool | None] = mapped_column(Boolean)
    suggested_cta: Mapped[Any | None] = mapped_column(JsonOrNull)
    cta_dismissal: Mapped[Any | None] = mapped_column(JsonOrNull)
    health_insights: Mapped[Any | None] = mapped_column(Json)
    outcome_source: Mapped[str | None] = mapped_column(Text)


class AIUsageEvent(TenantOwned, Base):
    __tablename__ = "AIUsageEvent"
    __table_args__ = (Index("AIUsageEvent_tenantId_createdAt_idx", "tenantId", "createdAt"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    tool_id: Mapped[str] = mapped_column(Text, nullable=False)
    tool_name: Mapped[str] = mapped_column(Text, nullable=False)
    operation: Mapped[str] = mapped_column(Text, nullable=False)
    prompt_tokens: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    completion_tokens: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    total_tokens: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    model: Mapped[str] = mapped_column(Text, nullable=False)
    estimated_cost: Mapped[Decimal] = mapped_column(Money(10, 6), nullable=False)
    latency_ms: Mapped[int] = mapped_column(Integer, server_default="0", nullable=False)
    success: Mapped[bool] = mapped_column(Boolean, server_default=true(), nullable=False)
    error_type: Mapped[str | None] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(Integer)
    entity_type: Mapped[str | None] = mapped_column(Text)
    entity_id: Mapped[str | None] = mapped_column(Text)
    details: Mapped[Any | None] = mapped_column("metadata", Json)
    created_at: Mapped[datetime] = created_at()
