"""The tables that methods are compared by."""

from sqlalchemy import Boolean, Double, Index, Integer, Text, UniqueConstraint

from cs_ml.store.columns import UtcDateTime
from cs_ml.store.migrations.baseline.words import optional, reference, required, serial, stamped, table, tenant

table(
    "BacktestRun",
    serial(),
    tenant(),
    *required(Text, "engine", "firstDay", "lastDay"),
    *required(Integer, "everyDays", "windowDays"),
    *required(Text, "status"),
    *required(Integer, "dates", "done", "predictions"),
    *required(Boolean, "cancelled"),
    *stamped("createdAt"),
    *required(UtcDateTime, "updatedAt"),
    UniqueConstraint("tenantId", "engine", "firstDay", "lastDay", "everyDays", "windowDays"),
    own=True,
)

table(
    "ShadowPrediction",
    serial(),
    tenant(),
    reference("accountId", "Account", on_delete="CASCADE"),
    *required(Text, "engine", "engineVersion"),
    *optional(Text, "llmModel", "promptVersion"),
    *required(Integer, "predictionWindow"),
    *required(UtcDateTime, "predictedAt"),
    *required(Double, "probability"),
    *optional(Double, "rawProbability"),
    *optional(Boolean, "actualOutcome"),
    *optional(Text, "outcomeSource"),
    *stamped("createdAt"),
    Index(None, "accountId", "engine", "predictedAt"),
    own=True,
)

table(
    "PredictedAccount",
    serial(),
    tenant(),
    *optional(Integer, "accountId"),
    *required(Text, "predictionType"),
    *required(Boolean, "replayed"),
    *required(Integer, "number"),
    UniqueConstraint("tenantId", "accountId", "predictionType", "replayed"),
    own=True,
)
