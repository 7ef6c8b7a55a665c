"""Runs schedules, for one tenant at a time, and keeps when they last succeeded."""

from collections.abc import Sequence

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import CsMlError, NotFound
from cs_ml.domain.jobs import Schedule, ScheduleState
from cs_ml.services.clock import Clock
from cs_ml.store.database import Database
from cs_ml.store.operations.schedules import ScheduleRepository


class ScheduleService:
    def __init__(self, database: Database, clock: Clock, schedules: Sequence[Schedule]) -> None:
        self._database = database
        self._clock = clock
        self.schedules = schedules

    def states(self, actor: Actor) -> Sequence[ScheduleState]:
        """Every schedule, and how it went last for the actor's tenant."""
        actor.require(Permission.MANAGE_TENANT)
        with self._database.read(actor) as scope:
            last = ScheduleRepository(scope).list()
        return [
            ScheduleState(
                name=each.name,
                cron=each.cron,
                says=each.says,
                started_at=last[each.name].started_at if each.name in last else None,
                succeeded_at=last[each.name].succeeded_at if each.name in last else None,
                error=last[each.name].error if each.name in last else None,
            )
            for each in self.schedules
        ]

    def run(self, actor: Actor, name: str) -> None:
        """Does it now, whenever it is due. Raises NotFound for an unknown name, Forbidden, and what the work raises."""
        actor.require(Permission.MANAGE_TENANT)
        schedule = next((each for each in self.schedules if each.name == name), None)
        if schedule is None:
            known = ", ".join(each.name for each in self.schedules)
            raise NotFound(f"There is no schedule of this name. Known are: {known}.", code="SCHEDULE_NOT_FOUND")
        with self._database.write(actor) as scope:
            ScheduleRepository(scope).begin(name, self._clock())
        try:
            schedule.do(actor)
        except CsMlError as error:
            with self._database.write(actor) as scope:
                ScheduleRepository(scope).fail(name, error.code)
            raise
        with self._database.write(actor) as scope:
            ScheduleRepository(scope).succeed(name, self._clock())
