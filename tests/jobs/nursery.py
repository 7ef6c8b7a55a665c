"""Workers as `cs-ml worker` runs them, forked from one process that has imported everything, so that many may die.

Run as a program with the database's address: for each line that it reads it answers the id of a new worker.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from cs_ml.bootstrap import open_services
from cs_ml.jobs import fleet
from cs_ml.services.health import trend  # noqa: F401 - imported before the fork
from cs_ml.services.operations import work
from cs_ml.settings import Settings
from tests.support.source import ROOT

SHORT = timedelta(seconds=2)  # a dead worker is taken for dead sooner than in real life


class Nursery:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.born: list[int] = []

    def bear(self) -> int:
        """The process id of a new worker."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        self.born.append(int(self._process.stdout.readline()))
        return self.born[-1]


def alive(worker: int) -> bool:
    try:
        os.kill(worker, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def nursery(url: str) -> Iterator[Nursery]:
    """No worker is left at the end."""
    command = [sys.executable, "-m", "tests.jobs.nursery", url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        opened = Nursery(process)
        try:
            yield opened
        finally:
            for worker in opened.born:
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            process.kill()


def _work(url: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    fleet.HEARTBEAT_S, fleet.DEAD_S, fleet._RECOVER = 0.5, SHORT.total_seconds(), "* * * * * */2"
    work._LEASE = timedelta(0)
    with open_services(Settings(database_url=url, log_level="ERROR")) as services:
        services.predictions._claim_ttl = SHORT
        fleet.run_fleet_worker(services.database.queue_conninfo(), services.tasks, concurrency=2)


def _bear_many(url: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are not waited for
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _work(url)
            finally:
                os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _bear_many(sys.argv[1])
