"""Who does the long work: threads of this process on the embedded database, workers on PostgreSQL."""

from contextlib import ExitStack

from cs_ml.domain.jobs import GROUP, JobQueue
from cs_ml.jobs.tasks import Tasks
from cs_ml.jobs.worker import LANES, EmbeddedWorker
from cs_ml.services.clock import Clock


class Workforce:
    """Holds the queue of this process, and closes it."""

    def __init__(self, conninfo: str | None, clock: Clock) -> None:
        """`conninfo`: where the driver finds the queue on PostgreSQL, None for the embedded database."""
        self.lanes = LANES
        self.group = GROUP if conninfo else 1  # in one process a job costs little
        self._conninfo = conninfo or ""
        self._embedded: EmbeddedWorker | None = None
        self._closing = ExitStack()
        self.queue: JobQueue
        if conninfo is None:
            self.queue = self._embedded = EmbeddedWorker(clock)
            self._closing.callback(self._embedded.stop)
        else:
            from cs_ml.jobs.fleet import FleetQueue  # takes half a second to import

            self.queue = fleet = FleetQueue(conninfo)
            self._closing.callback(fleet.close)

    def begin(self, tasks: Tasks) -> bool:
        """Works beside what else this process does; False on PostgreSQL, where workers do it."""
        if self._embedded is None:
            return False
        self._embedded.start(tasks)
        return True

    def run(self, tasks: Tasks, concurrency: int) -> None:
        """Works until the process is told to stop."""
        if self._embedded is None:
            from cs_ml.jobs.fleet import run_fleet_worker

            run_fleet_worker(self._conninfo, tasks, concurrency)
            return
        self._embedded.start(tasks)
        self._embedded.wait()

    def close(self) -> None:
        self._closing.close()
