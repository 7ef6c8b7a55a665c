"""The tables of backtests."""

from sqlalchemy import Boolean, Integer, Text, UniqueConstraint

from cs_ml.store.columns import UtcDateTime
from cs_ml.store.migrations.baseline.words import required, serial, stamped, table, tenant

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
