"""The tables of what was learned."""

from sqlalchemy import Integer, Text, UniqueConstraint

from cs_ml.store.columns import Json, UtcDateTime
from cs_ml.store.migrations.baseline.words import required, serial, stamped, table, tenant

table(
    "LearnedModel",
    serial(),
    tenant(),
    *required(Integer, "windowDays"),
    *required(Text, "version", "kind", "fingerprint"),
    *required(UtcDateTime, "trainedAt"),
    *required(Json, "metrics", "numbers"),
    *stamped("createdAt"),
    UniqueConstraint("tenantId", "windowDays", "version"),
    own=True,
)

table(
    "EngineCalibration",
    serial(),
    tenant(),
    *required(Text, "engine", "version"),
    *required(UtcDateTime, "fittedAt"),
    *required(Integer, "outcomes", "churned"),
    *required(Json, "numbers"),
    *stamped("createdAt"),
    UniqueConstraint("tenantId", "engine", "version"),
    own=True,
)
