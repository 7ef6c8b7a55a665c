"""When the tenant's schedules ran."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from cs_ml.store.scope import Scope
from cs_ml.store.tables import ScheduleRun


@dataclass(frozen=True, kw_only=True, slots=True)
class LastRun:
    started_at: datetime
    succeeded_at: datetime | None
    error: str | None


class ScheduleRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list(self) -> Mapping[str, LastRun]:
        """By the name of the schedule."""
        columns = (ScheduleRun.name, ScheduleRun.started_at, ScheduleRun.succeeded_at, ScheduleRun.error)
        return {
            row.name: LastRun(started_at=row.started_at, succeeded_at=row.succeeded_at, error=row.error)
            for row in self._scope.execute(select(*columns))
        }

    def begin(self, name: str, now: datetime) -> None:
        row = {"name": name, "startedAt": now, "error": None}
        self._scope.upsert(ScheduleRun, row, key=("tenantId", "name"))

    def succeed(self, name: str, now: datetime) -> None:
        self._scope.execute(update(ScheduleRun).where(ScheduleRun.name == name).values(succeeded_at=now, error=None))

    def fail(self, name: str, error: str) -> None:
        self._scope.execute(update(ScheduleRun).where(ScheduleRun.name == name).values(error=error))
