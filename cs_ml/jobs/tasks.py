"""The one copy of what jobs do, whoever runs them."""

from collections.abc import Sequence

from cs_ml.domain.actor import Actor
from cs_ml.domain.jobs import Job, JobQueue, Schedule, ScheduleState
from cs_ml.domain.llm.watching import Watch, unwatched
from cs_ml.services.identity.access import AccessService
from cs_ml.services.operations.batches import BatchRunService
from cs_ml.services.operations.groups import GroupWork
from cs_ml.services.operations.lanes import Lanes
from cs_ml.services.operations.overnight import OvernightWork
from cs_ml.services.operations.schedules import ScheduleService
from cs_ml.services.operations.work import BatchWork


class Tasks:
    def __init__(
        self,
        access: AccessService,
        runs: BatchRunService,
        work: BatchWork,
        schedules: ScheduleService,
        queue: JobQueue,
        *,
        groups: GroupWork,
        overnight: OvernightWork,
        watch: Watch = unwatched,
    ) -> None:
        self._access = access
        self._runs = runs
        self._work = work
        self._groups = groups
        self._overnight = overnight
        self._watch = watch
        self._schedules = schedules
        self._queue = queue

    @property
    def lanes(self) -> Lanes:
        """Where models are asked."""
        return self._groups.lanes

    @property
    def schedules(self) -> Sequence[Schedule]:
        return self._schedules.schedules

    def run(self, job: Job) -> None:
        """Does one job, as the product acting for the job's tenant; it may be a repetition."""
        with self._watch("job", job.task, job.tenant_id):
            self._do(Actor.system(job.tenant_id), job)

    def _do(self, actor: Actor, job: Job) -> None:
        match job.task:
            case "spread":
                self._work.spread(actor, job.subject)
            case "predict":
                self._work.predict(actor, job.subject, job.account_ids[0])
            case "predict_group":
                self._groups.predict(actor, job.subject, job.account_ids)
            case "predict_chunk":
                self._work.predict_chunk(actor, job.subject, job.account_ids)
            case "ask_overnight":
                self._overnight.ask(actor, job.subject, job.account_ids)
            case "collect_overnight":
                self._overnight.collect(actor, job.subject)
            case "mend":
                self._work.mend(actor, job.subject)
            case "schedule":
                self._schedules.run(actor, job.subject)

    def schedule(self, name: str) -> None:
        """Sends a schedule's work for every active tenant."""
        self._queue.submit(
            [Job(task="schedule", tenant_id=tenant, subject=name) for tenant in self._access.active_tenants()]
        )

    def resume(self, seen: set[str]) -> None:
        """Sends the jobs of every run under way that is not among the `seen`, and adds it to them."""
        for tenant in self._access.active_tenants():
            for run_id in set(self._runs.unfinished(Actor.system(tenant))) - seen:
                seen.add(run_id)
                # Who began it may be gone, and with it whoever would look after it.
                self._queue.submit([Job(task=task, tenant_id=tenant, subject=run_id) for task in ("spread", "mend")])

    def states(self) -> Sequence[tuple[str, ScheduleState]]:
        """Every schedule of every active tenant, with the tenant's id."""
        tenants = self._access.active_tenants()
        return [(tenant, state) for tenant in tenants for state in self._schedules.states(Actor.system(tenant))]
