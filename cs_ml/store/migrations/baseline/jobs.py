"""Long work, as of the first revision: batches, schedules, daily sums of usage."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, Text, UniqueConstraint

from cs_ml.store.columns import Json, Money, UtcDateTime
from cs_ml.store.migrations.baseline.words import keys, optional, reference, required, serial, table, tenant

table(
    "BatchRun",
    *keys(Text, "id"),
    tenant(),
    *required(Text, "key"),
    *required(Json, "request"),
    *required(Text, "state"),
    *required(Integer, "total"),
    *optional(Json, "counts"),
    *required(Boolean, "scheduled"),
    *optional(Integer, "userId"),
    *required(UtcDateTime, "startedAt"),
    *optional(UtcDateTime, "spreadAt", "finishedAt"),
    UniqueConstraint("tenantId", "key"),
    Index(None, "tenantId", "startedAt"),
    own=True,
)

table(
    "BatchItem",
    serial(),
    tenant(),
    reference("accountId", "Account", on_delete="CASCADE"),
    Column("runId", Text, ForeignKey("BatchRun.id", ondelete="CASCADE"), nullable=False),
    *required(Integer, "rank"),
    *required(Text, "state"),
    *required(Integer, "attempt", "waits"),
    *optional(UtcDateTime, "leaseUntil"),
    *optional(Text, "outcome"),
    *optional(Integer, "predictionId"),
    *optional(Money(10, 6), "cost"),
    *optional(Boolean, "costKnown"),
    *optional(Text, "error"),
    *optional(UtcDateTime, "finishedAt"),
    UniqueConstraint("tenantId", "runId", "accountId"),
    Index(None, "tenantId", "runId", "state", "rank"),
    own=True,
)

table(
    "ProviderBatch",
    *keys(Text, "id"),
    tenant(),
    Column("runId", Text, ForeignKey("BatchRun.id", ondelete="CASCADE"), nullable=False),
    *required(Text, "model", "state"),
    *required(Json, "entries"),
    *required(Integer, "done"),
    *required(UtcDateTime, "submittedAt", "waitUntil", "lookAt"),
    *optional(Text, "reservation", "providerId"),
    *optional(Json, "files"),
    Index(None, "tenantId", "runId"),
    own=True,
)

table(
    "ScheduleRun",
    reference("tenantId", "Tenant", primary_key=True, on_delete="CASCADE"),
    *keys(Text, "name"),
    *required(UtcDateTime, "startedAt"),
    *optional(UtcDateTime, "succeededAt"),
    *optional(Text, "error"),
    own=True,
)

table(
    "UsageDay",
    reference("tenantId", "Tenant", primary_key=True, on_delete="CASCADE"),
    *keys(Date, "day"),
    *keys(Text, "model", "operation"),
    *required(Integer, "attempts", "failed", "promptTokens", "completionTokens"),
    *required(Money(12, 6), "cost"),
    *required(Integer, "unknownCost"),
    own=True,
)
