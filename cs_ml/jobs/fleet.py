"""Workers on PostgreSQL, on as many machines as one likes: Procrastinate queues the jobs and hands them out.

What it does not do by itself is done here: jobs of a worker that died are handed out again, and a worker outlives a
restart of the database.
"""

import asyncio
import logging
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from threading import Event, Lock

import psycopg
from procrastinate import App, PsycopgConnector, RetryStrategy, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.types import JSONDict

from cs_ml.domain.errors import Invalid
from cs_ml.domain.jobs import GROUP, Job
from cs_ml.jobs.tasks import Tasks
from cs_ml.jobs.worker import MOST_TRIES, do

_WORK = "cs_ml.work"
_QUEUE = "cs_ml"
_AT_ONCE = 500  # jobs of one INSERT
# Only one of these waits at a time for the same subject; single accounts may wait twice, which does no harm.
_ALONE = ("spread", "mend", "schedule")
HEARTBEAT_S = 5.0
DEAD_S = 20.0  # without a heartbeat
_AHEAD = 3  # jobs beyond those whose accounts fill the lanes: they get ready what is asked next
GRACE_S = 8.0  # for what is under way when a worker is told to stop
_RECOVER = "* * * * * */10"  # every ten seconds (the sixth field)
_CLEAN = "30 3 * * *"
_KEPT_HOURS = 72
_BACK_OFF_S = 1.0

_log = logging.getLogger(__name__)


class JobFailed(Exception):
    """Tells the queue to hand the job out again; what went wrong was logged where it happened."""


class FleetQueue:
    """Puts jobs into the queue. Thread-safe; connects at the first job."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._lock = Lock()
        self._opened: App | None = None

    def submit(self, jobs: Sequence[Job]) -> None:
        app = self._app()
        for (delay, priority, lock), group in groupby(jobs, lambda job: (job.delay, job.priority, _lock(job))):
            deferrer = app.configure_task(
                _WORK,
                queue=_QUEUE,
                priority=priority,
                queueing_lock=lock,
                schedule_in={"seconds": delay.total_seconds()} if delay else None,
            )
            arguments = [_arguments(job) for job in group]
            try:
                for first in range(0, len(arguments), _AT_ONCE):
                    deferrer.batch_defer(*arguments[first : first + _AT_ONCE])
            except AlreadyEnqueued:
                _log.debug("a job waits already: %s", lock)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def _app(self) -> App:
        with self._lock:
            if self._opened is None:
                connector = SyncPsycopgConnector(conninfo=self._conninfo, min_size=1, max_size=4)
                self._opened = App(connector=connector)
                self._opened.open()
            return self._opened


def run_fleet_worker(conninfo: str, tasks: Tasks, concurrency: int) -> None:
    """Works until SIGTERM or SIGINT; then what is under way is finished. `concurrency`: calls of a model at once.
    Raises Invalid without a queue."""
    _require_queue(conninfo)
    asked_to_stop = Event()
    with tasks.lanes.opened(concurrency):
        while not asked_to_stop.is_set():
            try:
                asyncio.run(_work(conninfo, tasks, concurrency // GROUP + _AHEAD, asked_to_stop))
            except (ConnectorException, psycopg.Error) as error:
                _log.warning("the database went away (%s); trying again", type(error).__name__)
            asked_to_stop.wait(_BACK_OFF_S)  # the worker also ends by itself where its connection breaks


def _require_queue(conninfo: str) -> None:
    with App(connector=SyncPsycopgConnector(conninfo=conninfo, min_size=1, max_size=1)).open() as app:
        if not app.check_connection():
            raise Invalid("The database has no job queue yet. Run `cs-ml db upgrade`.", code="SCHEMA_BEHIND")


async def _work(conninfo: str, tasks: Tasks, jobs_at_once: int, asked_to_stop: Event) -> None:
    app = App(connector=PsycopgConnector(conninfo=conninfo, min_size=1, max_size=6))
    _register(app, tasks)
    loop = asyncio.get_running_loop()
    # Threads do the jobs; those of the loop itself are as few as there are cores.
    with ThreadPoolExecutor(max_workers=jobs_at_once, thread_name_prefix="cs-ml-jobs") as threads:
        loop.set_default_executor(threads)
        async with app.open_async():
            working = asyncio.create_task(
                app.run_worker_async(
                    queues=[_QUEUE],
                    concurrency=jobs_at_once,
                    delete_jobs="successful",
                    fetch_job_polling_interval=1.0,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=DEAD_S,
                    shutdown_graceful_timeout=GRACE_S,
                    install_signal_handlers=False,
                )
            )

            def stop() -> None:
                asked_to_stop.set()
                tasks.lanes.stop()
                working.cancel()

            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stop)
            with suppress(asyncio.CancelledError):
                await working


def _register(app: App, tasks: Tasks) -> None:
    """Declares what workers of this app do."""

    @app.task(name=_WORK, queue=_QUEUE, retry=RetryStrategy(max_attempts=MOST_TRIES, exponential_wait=2))
    def work(task: str, tenant_id: str, subject: str, account_ids: list[int]) -> None:
        job = Job(task=task, tenant_id=tenant_id, subject=subject, account_ids=tuple(account_ids))  # type: ignore[arg-type]
        if not do(tasks, job):
            raise JobFailed(task)

    @app.periodic(cron=_RECOVER)
    @app.task(name="cs_ml.recover", queue=_QUEUE, queueing_lock="recover", priority=100)
    async def recover(timestamp: int) -> None:
        """Hands out again what dead workers held."""
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_S):
            _log.warning("job %s of a dead worker is handed out again (asked at %d)", job.id, timestamp)
            await app.job_manager.retry_job(job)

    @app.periodic(cron=_CLEAN)
    @app.task(name="cs_ml.clean", queue=_QUEUE, queueing_lock="clean")
    async def clean(timestamp: int) -> None:
        """Forgets failed jobs of some days ago; their accounts say what went wrong."""
        _log.info("forgetting old jobs (asked at %d)", timestamp)
        await app.job_manager.delete_old_jobs(nb_hours=_KEPT_HOURS, include_failed=True, include_cancelled=True)

    for schedule in tasks.schedules:
        _register_schedule(app, tasks, schedule.name, schedule.cron)


def _register_schedule(app: App, tasks: Tasks, name: str, cron: str) -> None:
    @app.periodic(cron=cron)
    @app.task(name=f"cs_ml.schedule.{name}", queue=_QUEUE, queueing_lock=f"schedule/{name}")
    def send(timestamp: int) -> None:
        _log.info("schedule %s is due (asked at %d)", name, timestamp)
        tasks.schedule(name)


def _lock(job: Job) -> str | None:
    return f"{job.task}/{job.tenant_id}/{job.subject}" if job.task in _ALONE else None


def _arguments(job: Job) -> JSONDict:
    return {
        "task": job.task,
        "tenant_id": job.tenant_id,
        "subject": job.subject,
        "account_ids": list(job.account_ids),
    }
