"""The CRM's tenants, users, accounts, contacts and health, as of the first revision."""

from sqlalchemy import Boolean, Double, Index, Integer, Text, UniqueConstraint, false

from cs_ml.store.columns import Json, Money, TextList, UtcDateTime
from cs_ml.store.migrations.baseline.words import (
    given,
    keys,
    label,
    optional,
    reference,
    required,
    serial,
    stamped,
    table,
    tenant,
)

table(
    "Tenant",
    *keys(Text, "id"),
    *required(Text, "name", "slug"),
    *given(label("TenantPlan"), "STARTER", "plan"),
    *given(label("TenantStatus"), "ACTIVE", "status"),
    *optional(Text, "billingEmail"),
    *optional(Json, "settings"),
    *optional(UtcDateTime, "trialEndsAt"),
    *stamped("createdAt"),
    *required(UtcDateTime, "updatedAt"),
    UniqueConstraint("slug"),
)

table(
    "User",
    serial(),
    *required(Text, "name", "email", "passwordHash", "timezone"),
    *stamped("createdAt"),
    *required(UtcDateTime, "updatedAt"),
    *given(label("UserRole"), "USER", "role"),
    *optional(Json, "preferences"),
    UniqueConstraint("email"),
)

table(
    "TenantUser",
    serial(),
    tenant(),
    reference("userId", "User", on_delete="CASCADE"),
    *given(label("TenantRole"), "MEMBER", "role"),
    *stamped("invitedAt"),
    *optional(UtcDateTime, "acceptedAt"),
    *stamped("createdAt"),
    *required(UtcDateTime, "updatedAt"),
    UniqueConstraint("tenantId", "userId"),
    Index(None, "userId"),
)

table(
    "Account",
    serial(),
    tenant(),
    *required(Text, "name"),
    *optional(Text, "website", "phone"),
    reference("parentAccountId", "Account", nullable=True, on_delete="SET NULL"),
    *given(label("AccountType"), "PROSPECT", "type"),
    *optional(Text, "industry"),
    *optional(label("AccountEmployeeCount"), "employeeCount"),
    *optional(Money(15, 2), "annualRevenue"),
    *optional(Json, "billingAddress", "shippingAddress"),
    *given(Integer, "50", "healthScore", "engagementScore", nullable=True),
    *optional(Double, "churnRisk"),
    reference("ownerId", "User"),
    *optional(TextList, "tags"),
    *optional(Json, "customFields"),
    *given(Boolean, false(), "archived"),
    *stamped("createdAt"),
    *required(UtcDateTime, "updatedAt"),
    Index(None, "tenantId", "ownerId"),
)

table(
    "CRMContact",
    serial(),
    tenant(),
    reference("accountId", "Account", nullable=True, on_delete="CASCADE"),
    *required(Text, "firstName", "lastName"),
    *optional(Text, "email", "phone", "mobile", "jobTitle", "department"),
    *given(label("ContactLifecycle"), "LEAD", "lifecycle"),
    *optional(label("CRMLeadSource"), "leadSource"),
    *optional(Integer, "leadScore"),
    *given(Boolean, false(), "isPrimary", "doNotContact"),
    *optional(Text, "linkedinUrl", "twitterUrl"),
    *optional(Json, "address"),
    reference("ownerId", "User", nullable=True),
    *optional(TextList, "tags"),
    *optional(Json, "customFields"),
    *given(Boolean, false(), "archived"),
    *stamped("createdAt"),
    *required(UtcDateTime, "updatedAt"),
    Index(None, "tenantId", "accountId"),
)

table(
    "AccountHealthScoreHistory",
    serial(),
    tenant(),
    reference("accountId", "Account", on_delete="CASCADE"),
    *required(Integer, "overallScore"),
    *given(label("HealthScoreCategory"), "AT_RISK", "category"),
    *optional(Integer, "usageScore", "supportScore", "engagementScore", "sentimentScore", "financialScore"),
    *given(Integer, "40", "usageWeight"),
    *given(Integer, "25", "supportWeight"),
    *given(Integer, "20", "engagementWeight"),
    *given(Integer, "15", "sentimentWeight"),
    *given(Integer, "0", "financialWeight"),
    *optional(Integer, "previousScore"),
    *optional(Text, "scoreTrend"),
    *optional(Double, "trendPercentage", "churnRisk", "expansionPotential"),
    *optional(Text, "calculationNotes"),
    *stamped("calculatedAt", "createdAt"),
    Index(None, "tenantId", "accountId", "calculatedAt"),
)
