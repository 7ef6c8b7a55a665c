"""The product's own tables, as of the first revision."""

from sqlalchemy import Boolean, Date, Double, Index, Integer, Text, UniqueConstraint, false

from cs_ml.store.columns import Json, Money, UtcDateTime
from cs_ml.store.migrations.baseline.words import (
    given,
    keys,
    optional,
    reference,
    required,
    serial,
    stamped,
    table,
    tenant,
)

table(
    "SchemaAddition",
    *keys(Text, "kind", "table", "name"),
    own=True,
)

table(
    "Credential",
    reference("userId", "User", primary_key=True, on_delete="CASCADE"),
    *required(Text, "passwordHash"),
    *given(Integer, "0", "epoch"),
    *given(Boolean, false(), "disabled"),
    *required(UtcDateTime, "updatedAt"),
    *optional(UtcDateTime, "issuedUntil"),
    own=True,
)

table(
    "KeyMark",
    *keys(Text, "name"),
    *required(Text, "mark"),
    *required(UtcDateTime, "notedAt"),
    own=True,
)

table(
    "ExternalRef",
    reference("tenantId", "Tenant", primary_key=True, on_delete="CASCADE"),
    *keys(Text, "kind", "ref"),
    *required(Integer, "targetId"),
    Index(None, "tenantId", "kind", "targetId", "ref"),
    own=True,
)

table(
    "MembershipScope",
    reference("tenantId", "Tenant", primary_key=True, on_delete="CASCADE"),
    reference("userId", "User", primary_key=True, on_delete="CASCADE"),
    *required(Text, "scope"),
    own=True,
)

table(
    "SignInSession",
    *keys(Text, "id"),
    reference("userId", "User", on_delete="CASCADE"),
    reference("tenantId", "Tenant", nullable=True, on_delete="CASCADE"),
    *required(Integer, "epoch"),
    *stamped("createdAt"),
    *required(UtcDateTime, "lastSeenAt", "expiresAt"),
    *optional(UtcDateTime, "issuedUntil"),
    Index(None, "userId"),
    own=True,
)

table(
    "SignInThrottle",
    *keys(Text, "subject"),
    *required(UtcDateTime, "windowStartedAt"),
    *required(Integer, "failures", "consecutive"),
    own=True,
)

table(
    "SignInTicket",
    *keys(Text, "id"),
    reference("userId", "User", on_delete="CASCADE"),
    *required(UtcDateTime, "expiresAt"),
    *optional(UtcDateTime, "issuedUntil"),
    own=True,
)

table(
    "SummaryRefresh",
    reference("tenantId", "Tenant", primary_key=True, on_delete="CASCADE"),
    *required(UtcDateTime, "refreshedAt"),
    *optional(Integer, "accounts"),
    *optional(Json, "figures"),
    own=True,
)

table(
    "BandDay",
    reference("tenantId", "Tenant", primary_key=True, on_delete="CASCADE"),
    *keys(Date, "day"),
    *keys(Integer, "ownerId"),
    *keys(Text, "band"),
    *required(Integer, "accounts"),
    own=True,
)

table(
    "TenantReference",
    serial(),
    tenant(),
    *required(UtcDateTime, "asOf"),
    *required(Json, "quantiles"),
    *stamped("createdAt"),
    UniqueConstraint("tenantId", "asOf"),
    own=True,
)

table(
    "TenantSetting",
    reference("tenantId", "Tenant", primary_key=True, on_delete="CASCADE"),
    *keys(Text, "key"),
    *required(Json, "value"),
    *required(UtcDateTime, "updatedAt"),
    own=True,
)

table(
    "AccountFact",
    serial(),
    tenant(),
    reference("accountId", "Account", on_delete="CASCADE"),
    *required(Text, "kind"),
    *required(UtcDateTime, "validFrom"),
    *optional(Money(15, 2), "arr"),
    *optional(Text, "currency", "plan", "segment"),
    *optional(UtcDateTime, "renewalDate"),
    *optional(Text, "lifecycleStage"),
    *optional(Integer, "seats"),
    *optional(Text, "ownerEmail"),
    *optional(Json, "customFields"),
    *stamped("createdAt"),
    UniqueConstraint("tenantId", "accountId", "kind", "validFrom"),
    own=True,
)

table(
    "AccountSnapshot",
    serial(),
    tenant(),
    reference("accountId", "Account", on_delete="CASCADE"),
    *required(UtcDateTime, "takenAt"),
    *required(Json, "facts"),
    UniqueConstraint("tenantId", "accountId", "takenAt"),
    own=True,
)

table(
    "AccountSummary",
    serial(),
    tenant(),
    reference("accountId", "Account", on_delete="CASCADE"),
    *optional(Money(15, 2), "arr"),
    *optional(Text, "currency", "segment"),
    *optional(UtcDateTime, "renewal"),
    *optional(Integer, "health", "healthBefore"),
    *optional(UtcDateTime, "touchedAt"),
    *required(Integer, "openCtas", "overdueCtas"),
    *optional(Double, "probability", "baseRate"),
    *optional(Text, "band"),
    *optional(UtcDateTime, "predictedAsOf"),
    *optional(Double, "size", "urgency", "riskKey"),
    UniqueConstraint("tenantId", "accountId"),
    Index(None, "tenantId", "riskKey", "accountId"),
    own=True,
)

table(
    "ChurnEvent",
    serial(),
    tenant(),
    reference("accountId", "Account", on_delete="CASCADE"),
    *required(UtcDateTime, "churnedAt"),
    *optional(Text, "reason"),
    *required(Boolean, "approximate"),
    *optional(Integer, "recordedById"),
    *optional(Text, "typeBefore"),
    *stamped("createdAt"),
    UniqueConstraint("tenantId", "accountId", "churnedAt"),
    own=True,
)

table(
    "JudgedOutcome",
    serial(),
    tenant(),
    reference("accountId", "Account", on_delete="CASCADE"),
    *required(UtcDateTime, "asOf"),
    *required(Integer, "windowDays"),
    *required(Boolean, "churned"),
    *stamped("createdAt"),
    UniqueConstraint("tenantId", "accountId", "asOf", "windowDays"),
    own=True,
)

table(
    "PredictionClaim",
    serial(),
    tenant(),
    reference("accountId", "Account", on_delete="CASCADE"),
    *required(Text, "predictionType"),
    *required(Integer, "windowDays"),
    *required(Text, "holder"),
    *required(UtcDateTime, "expiresAt"),
    UniqueConstraint("tenantId", "accountId", "predictionType", "windowDays"),
    own=True,
)
