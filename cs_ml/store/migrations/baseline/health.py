"""What is learned of health scores."""

from sqlalchemy import UniqueConstraint

from cs_ml.store.columns import Json, UtcDateTime
from cs_ml.store.migrations.baseline.words import required, serial, stamped, table, tenant

table(
    "HealthReference",
    serial(),
    tenant(),
    *required(UtcDateTime, "asOf"),
    *required(Json, "movement"),
    *stamped("createdAt"),
    UniqueConstraint("tenantId", "asOf"),
    own=True,
)
