"""The worker inside a process: for the embedded database, which one machine uses.

What waits in its memory is lost with the process, and that does no harm: accounts of a run that are not finished stand
in the database, and `resume` finds them at the next start.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from time import monotonic

import structlog
from croniter import croniter

from cs_ml.domain.errors import CsMlError, DatabaseAway
from cs_ml.domain.jobs import Job, ScheduleState
from cs_ml.jobs.tasks import Tasks
from cs_ml.services.clock import Clock

LANES = 8
MOST_TRIES = 6
_LOOK_S = 5.0  # how often other processes' batches and the schedules are looked at

_log = logging.getLogger(__name__)


def do(tasks: Tasks, job: Job) -> bool:
    """Does a job, with its ids in every line that is logged meanwhile; False where it is to be tried again."""
    with structlog.contextvars.bound_contextvars(task=job.task, tenant=job.tenant_id, subject=job.subject):
        try:
            tasks.run(job)
        except DatabaseAway:
            _log.warning("the database went away during a job")
            return False
        except CsMlError as error:
            _log.warning("a job was refused: %s", error.code)
        except Exception:  # noqa: BLE001 - the worker loop: whatever it was, the next job is another one
            _log.exception("a job failed")
            return False
        return True


class EmbeddedWorker:
    """A queue in memory and the threads that work it off; more urgent jobs first. Thread-safe."""

    def __init__(self, clock: Clock, lanes: int = LANES) -> None:
        self._clock = clock
        self._lanes = lanes
        self._changed = threading.Condition()
        self._delayed: list[tuple[float, int, int, Job]] = []  # due, order, tries
        self._ready: list[tuple[int, int, int, Job]] = []  # falling priority, order, tries
        self._order = count()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def submit(self, jobs: Sequence[Job]) -> None:
        with self._changed:
            for job in jobs:
                self._push(job, monotonic() + job.delay.total_seconds(), tries=0)
            self._changed.notify_all()

    def start(self, tasks: Tasks) -> None:
        """Begins to work, and goes on until `stop`; does nothing where it works already."""
        with self._changed:
            if self._threads:
                return
            runs = [lambda: self._work(tasks)] * self._lanes + [lambda: self._look(tasks, self._clock())]
            self._threads = [threading.Thread(target=run, name="cs-ml-jobs", daemon=True) for run in runs]
        for thread in self._threads:
            thread.start()

    def stop(self, patience_s: float = 10.0) -> None:
        """Begins nothing more, and waits a little for what is under way."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        until = monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(until - monotonic(), 0))

    def wait(self) -> None:
        """Until `stop`, or an interrupt from the keyboard."""
        while not self._stopping.wait(1.0):
            pass

    def _push(self, job: Job, due: float, *, tries: int) -> None:
        heappush(self._delayed, (due, next(self._order), tries, job))

    def _work(self, tasks: Tasks) -> None:
        while (taken := self._take()) is not None:
            job, tries = taken
            if not do(tasks, job) and tries < MOST_TRIES:
                with self._changed:
                    self._push(job, monotonic() + 2.0**tries, tries=tries + 1)

    def _take(self) -> tuple[Job, int] | None:
        """The most urgent job that is due; None at the end."""
        with self._changed:
            while not self._stopping.is_set():
                while self._delayed and self._delayed[0][0] <= monotonic():
                    _, order, tries, job = heappop(self._delayed)
                    heappush(self._ready, (-job.priority, order, tries, job))
                if self._ready:
                    _, _, tries, job = heappop(self._ready)
                    return job, tries
                self._changed.wait(max(self._delayed[0][0] - monotonic(), 0.0) if self._delayed else None)
        return None

    def _look(self, tasks: Tasks, started: datetime) -> None:
        """Finds what other processes of this machine began, and which schedules are due."""
        seen: set[str] = set()
        while not self._stopping.is_set():
            try:
                tasks.resume(seen)
                self._send_due(tasks, started)
            except Exception:  # noqa: BLE001 - looked again in a few seconds
                _log.exception("the look for work failed")
            self._stopping.wait(_LOOK_S)

    def _send_due(self, tasks: Tasks, started: datetime) -> None:
        for tenant, state in tasks.states():
            if is_due(state, started, self._clock()):
                do(tasks, Job(task="schedule", tenant_id=tenant, subject=state.name))


def is_due(state: ScheduleState, started: datetime, now: datetime) -> bool:
    """Whether an instant of the schedule passed since it last ran; since the process began where it never did."""
    last = croniter(state.cron, now).get_prev(datetime)
    return bool(last > (state.started_at or started))
