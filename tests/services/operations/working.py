"""Everything that does long work, wired over a queue that the test turns by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.jobs import Job, Schedule
from cs_ml.jobs.tasks import Tasks
from cs_ml.services.identity.access import AccessService
from cs_ml.services.operations.batches import BatchLimit, BatchRunService
from cs_ml.services.operations.groups import GroupWork
from cs_ml.services.operations.lanes import Lanes
from cs_ml.services.operations.overnight import OvernightWork
from cs_ml.services.operations.schedules import ScheduleService
from cs_ml.services.operations.work import BatchWork
from cs_ml.services.portfolio import PortfolioService
from cs_ml.services.predicting.after import nothing_follows
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from tests.services.predictions.predicting import TestClock, batching


@dataclass
class HandQueue:
    """Jobs in a list. `sent`: every job that was ever submitted."""

    waiting: list[Job] = field(default_factory=list)
    sent: list[Job] = field(default_factory=list)

    def submit(self, jobs: Sequence[Job]) -> None:
        self.waiting += jobs
        self.sent += jobs


class Working:
    """The services of long work over one prediction service."""

    def __init__(
        self,
        database: Database,
        clock: TestClock,
        predictions: PredictionService,
        *,
        per_day: int = 5,
        schedules: Sequence[Schedule] = (),
        group: int = 1,
        overnight: bool = False,
    ) -> None:
        self.clock = clock
        self.queue = HandQueue()
        self.portfolio = PortfolioService(database, clock)
        self.runs = BatchRunService(
            database,
            clock,
            self.queue,
            self.portfolio,
            predictions,
            batch_limit=BatchLimit(per_day),
            lanes=4,
            overnight=overnight,
        )
        self.work = BatchWork(
            database, clock, self.queue, predictions, batching(database, clock), group=group, overnight=overnight
        )
        self.groups = GroupWork(
            database,
            clock,
            self.queue,
            predictions.groups,
            self.work,
            threads=Lanes(),
            after=nothing_follows,
        )
        self.overnight = OvernightWork(
            database, clock, self.queue, predictions.overnight, self.work, after=nothing_follows
        )
        self.schedules = ScheduleService(database, clock, schedules)
        access = AccessService(database, clock)
        self.tasks = Tasks(
            access,
            self.runs,
            self.work,
            self.schedules,
            self.queue,
            groups=self.groups,
            overnight=self.overnight,
        )

    def turn(self, most: int = 1_000, *, but: Sequence[str] = ("mend",)) -> int:
        """Does waiting jobs in any order, those with a delay after the clock has moved on; answers how many."""
        done = 0
        rng = Random(7)
        while done < most and (jobs := [job for job in self.queue.waiting if job.task not in but]):
            soonest = min(job.delay for job in jobs)
            job = rng.choice([job for job in jobs if job.delay == soonest])
            self.queue.waiting.remove(job)
            self.clock.now += job.delay
            self._pass(job.delay)
            self.tasks.run(job)
            done += 1
        return done

    def _pass(self, delay: timedelta) -> None:
        """Everything that waits comes nearer."""
        if delay:
            self.queue.waiting = [_sooner(job, delay) for job in self.queue.waiting]


def _sooner(job: Job, delay: timedelta) -> Job:
    return replace(job, delay=max(job.delay - delay, timedelta(0)))


def limited(actor: Actor, user_id: int) -> Actor:
    return Actor(tenant_id=actor.tenant_id, role=Role.MEMBER, user_id=user_id, scope="owned")
