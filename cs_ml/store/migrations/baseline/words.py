"""The words of the frozen tables: `*required(Text, "name", "slug")` are two columns that may not be NULL."""

from typing import Any

from sqlalchemy import (
    Column,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import SchemaItem

from cs_ml.store.columns import UtcDateTime

METADATA = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

LABELS = {
    "AccountEmployeeCount": "SOLO MICRO SMALL MEDIUM LARGE ENTERPRISE",
    "AccountType": "PROSPECT CUSTOMER PARTNER COMPETITOR CHURNED OTHER",
    "CRMActivityPriority": "LOW NORMAL HIGH URGENT",
    "CRMActivityStatus": "PLANNED IN_PROGRESS COMPLETED CANCELLED NO_SHOW",
    "CRMActivityType": "CALL EMAIL MEETING TASK NOTE SMS LINKEDIN_MESSAGE CHAT DEMO PROPOSAL CONTRACT OTHER",
    "CRMLeadSource": "WEBSITE REFERRAL LINKEDIN COLD_CALL COLD_EMAIL EVENT PARTNER INBOUND OUTBOUND OTHER",
    "CTAPriority": "CRITICAL HIGH MEDIUM LOW",
    "CTAStatus": "OPEN IN_PROGRESS SNOOZED COMPLETED CANCELLED",
    "CTAType": "RISK OPPORTUNITY LIFECYCLE ACTIVITY OBJECTIVE",
    "ContactLifecycle": "LEAD MQL SQL OPPORTUNITY CUSTOMER EVANGELIST CHURNED",
    "HealthScoreCategory": "HEALTHY AT_RISK CRITICAL",
    "MLPredictionStatus": "ACTIVE EXPIRED VALIDATED",
    "MLPredictionType": "CHURN HEALTH_TREND EXPANSION ENGAGEMENT_DECLINE",
    "OpportunityStatus": "OPEN WON LOST",
    "PipelineStageType": "OPEN WON LOST",
    "PlaybookStatus": "DRAFT ACTIVE ARCHIVED",
    "TaskStatus": "NOT_STARTED BACKLOG IN_PROGRESS BLOCKED DONE",
    "TenantPlan": "TRIAL STARTER PROFESSIONAL ENTERPRISE",
    "TenantRole": "OWNER ADMIN MEMBER VIEWER",
    "TenantStatus": "PENDING ACTIVE SUSPENDED CANCELLED",
    "UserRole": "USER ADMIN SUPER_ADMIN",
}


def table(name: str, *parts: SchemaItem, own: bool = False) -> Table:
    """`own`: the product's; the other tables are the CRM's and may be there already."""
    return Table(name, METADATA, *parts, info={"own": own})


def label(name: str) -> Enum:
    """A native type on PostgreSQL, made by the revision itself; text on SQLite."""
    values = LABELS[name].split()
    native = postgresql.ENUM(*values, name=name, create_type=False)
    return Enum(*values, name=name, create_constraint=False).with_variant(native, "postgresql")


def serial() -> Column[Any]:
    return Column("id", Integer, primary_key=True)


def tenant(*, nullable: bool = False) -> Column[Any]:
    return reference("tenantId", "Tenant", nullable=nullable, on_delete="CASCADE")


def reference(
    name: str, parent: str, *, nullable: bool = False, primary_key: bool = False, on_delete: str | None = None
) -> Column[Any]:
    kind = Text if parent == "Tenant" else Integer
    key = ForeignKey(f"{parent}.id", ondelete=on_delete)
    return Column(name, kind, key, nullable=nullable, primary_key=primary_key)


def keys(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, primary_key=True) for name in names]


def required(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def optional(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind) for name in names]


def given(kind: Any, default: Any, *names: str, nullable: bool = False) -> list[Column[Any]]:
    """Columns that the database fills where a row says nothing."""
    return [Column(name, kind, server_default=default, nullable=nullable) for name in names]


def stamped(*names: str) -> list[Column[Any]]:
    return given(UtcDateTime, func.current_timestamp(), *names)
