"""What the product adds to the CRM's tables: references, dated facts, outcomes, snapshots, claims, settings."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import Json, Money, UtcDateTime
from cs_ml.store.tables.base import (
    AccountOwned,
    Base,
    TenantOwned,
    created_at,
    serial_id,
    updated_at,
)


class ExternalRef(TenantOwned, Base):
    """The name that an import uses for a row. `kind`: account, contact, cta, opportunity."""

    __tablename__ = "ExternalRef"
    __table_args__ = (Index("ExternalRef_tenantId_kind_targetId_ref_idx", "tenantId", "kind", "targetId", "ref"),)

    tenant_id: Mapped[str] = mapped_column(Text, ForeignKey("Tenant.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    ref: Mapped[str] = mapped_column(Text, primary_key=True)
    target_id: Mapped[int] = mapped_column(Integer, nullable=False)


class AccountFact(AccountOwned, Base):
    """What was known of an account from `valid_from` on. `kind`:

    timeless (holds for all dates: segment, currency), listed (accounts.csv, from the data date on),
    changed (account_changes.csv: the latest row not after a date is the whole truth then), custom (custom fields).
    """

    __tablename__ = "AccountFact"
    __table_args__ = (UniqueConstraint("tenantId", "accountId", "kind", "validFrom"),)

    id: Mapped[int] = serial_id()
    kind: Mapped[str] = mapped_column(Text, nullable=False)
    valid_from: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    arr: Mapped[Decimal | None] = mapped_column(Money())
    currency: Mapped[str | None] = mapped_column(Text)
    plan: Mapped[str | None] = mapped_column(Text)
    segment: Mapped[str | None] = mapped_column(Text)
    renewal_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lifecycle_stage: Mapped[str | None] = mapped_column(Text)
    seats: Mapped[int | None] = mapped_column(Integer)
    owner_email: Mapped[str | None] = mapped_column(Text)
    custom_fields: Mapped[Any | None] = mapped_column(Json)
    created_at: Mapped[datetime] = created_at()


class ChurnEvent(AccountOwned, Base):
    """An account left on `churned_at`. `approximate`: the date is a guess (adopted from a CRM that has none).

    `type_before`, what the account was, is set where a person recorded it, so that it can be taken back.
    """

    __tablename__ = "ChurnEvent"
    __table_args__ = (UniqueConstraint("tenantId", "accountId", "churnedAt"),)

    id: Mapped[int] = serial_id()
    churned_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    reason: Mapped[str | None] = mapped_column(Text)
    approximate: Mapped[bool] = mapped_column(Boolean, nullable=False)
    recorded_by_id: Mapped[int | None] = mapped_column(Integer)
    type_before: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = created_at()


class JudgedOutcome(AccountOwned, Base):
    """Whether the account churned in (as_of, as_of + window_days], where no churn date is known."""

    __tablename__ = "JudgedOutcome"
    __table_args__ = (UniqueConstraint("tenantId", "accountId", "asOf", "windowDays"),)

    id: Mapped[int] = serial_id()
    as_of: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    window_days: Mapped[int] = mapped_column(Integer, nullable=False)
    churned: Mapped[bool] = mapped_column(Boolean, nullable=False)
    created_at: Mapped[datetime] = created_at()


class AccountSnapshot(AccountOwned, Base):
    """Facts that a CRM keeps without history, as seen on a day: type, archived, scores, owner, open CTAs' due dates."""

    __tablename__ = "AccountSnapshot"
    __table_args__ = (UniqueConstraint("tenantId", "accountId", "takenAt"),)

    id: Mapped[int] = serial_id()
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    facts: Mapped[Any] = mapped_column(Json, nullable=False)


class TenantReference(TenantOwned, Base):
    """Quantiles over a tenant's accounts at a date, from rows not after it: what "much" and "little" mean here."""

    __tablename__ = "TenantReference"
    __table_args__ = (UniqueConstraint("tenantId", "asOf"),)

    id: Mapped[int] = serial_id()
    as_of: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    quantiles: Mapped[Any] = mapped_column(Json, nullable=False)
    created_at: Mapped[datetime] = created_at()


class PredictionClaim(AccountOwned, Base):
    """One live run per account, type and window: who holds it and until when. Not held over a transaction."""

    __tablename__ = "PredictionClaim"
    __table_args__ = (UniqueConstraint("tenantId", "accountId", "predictionType", "windowDays"),)

    id: Mapped[int] = serial_id()
    prediction_type: Mapped[str] = mapped_column(Text, nullable=False)
    window_days: Mapped[int] = mapped_column(Integer, nullable=False)
    holder: Mapped[str] = mapped_column(Text, nullable=False)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)


class TenantSetting(TenantOwned, Base):
    """One setting of a tenant, as JSON. Keys and values are checked by domain/settings rules before they get here."""

    __tablename__ = "TenantSetting"

    tenant_id: Mapped[str] = mapped_column(Text, ForeignKey("Tenant.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[Any] = mapped_column(Json, nullable=False)
    updated_at: Mapped[datetime] = updated_at()
