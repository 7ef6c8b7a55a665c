"""What the portfolio of a large tenant is read from: facts gathered a few minutes ago, one row per account."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, Double, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cs_ml.store.columns import Json, Money, UtcDateTime
from cs_ml.store.tables.base import AccountOwned, Base, TenantOwned, serial_id


class AccountSummary(AccountOwned, Base):
    """The columns of store/portfolio/current.py, as they were at the tenant's `SummaryRefresh`. Nothing else reads or
    writes them: deleting all rows and the refresh loses nothing."""

    __tablename__ = "AccountSummary"
    __table_args__ = (
        UniqueConstraint("tenantId", "accountId"),
        Index("AccountSummary_tenantId_riskKey_accountId_idx", "tenantId", "riskKey", "accountId"),
    )

    id: Mapped[int] = serial_id()
    arr: Mapped[Decimal | None] = mapped_column(Money())
    currency: Mapped[str | None] = mapped_column(Text)
    segment: Mapped[str | None] = mapped_column(Text)
    renewal: Mapped[datetime | None] = mapped_column(UtcDateTime)
    health: Mapped[int | None] = mapped_column(Integer)
    health_before: Mapped[int | None] = mapped_column(Integer)
    touched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    open_ctas: Mapped[int] = mapped_column(Integer, nullable=False)
    overdue_ctas: Mapped[int] = mapped_column(Integer, nullable=False)
    probability: Mapped[float | None] = mapped_column(Double)
    base_rate: Mapped[float | None] = mapped_column(Double)
    band: Mapped[str | None] = mapped_column(Text)
    predicted_as_of: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The order of the whole tenant, so that its first page is read from an index.
    size: Mapped[float | None] = mapped_column(Double)
    urgency: Mapped[float | None] = mapped_column(Double)
    risk_key: Mapped[float | None] = mapped_column(Double)


class SummaryRefresh(TenantOwned, Base):
    """When the tenant's `AccountSummary` rows were true, how many they were, and their figures: what every look at the
    whole tenant needs. Whoever refreshes them holds this row."""

    __tablename__ = "SummaryRefresh"

    tenant_id: Mapped[str] = mapped_column(Text, ForeignKey("Tenant.id", ondelete="CASCADE"), primary_key=True)
    refreshed_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False)
    accounts: Mapped[int | None] = mapped_column(Integer)
    figures: Mapped[Any | None] = mapped_column(Json)


class BandDay(TenantOwned, Base):
    """Live accounts by band of health at the end of a day: of an owner, or of everybody (0). `band` is empty without a
    fresh score. Counted from the scores; deleting all rows loses nothing. To be partitioned by tenant or by day."""

    __tablename__ = "BandDay"

    tenant_id: Mapped[str] = mapped_column(Text, ForeignKey("Tenant.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    owner_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    band: Mapped[str] = mapped_column(Text, primary_key=True)
    accounts: Mapped[int] = mapped_column(Integer, nullable=False)
