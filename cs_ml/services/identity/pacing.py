"""Makes attempts last as long as each other, whatever was found: what differs in them must not be heard."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from threading import Lock
from time import monotonic

FLOOR_S = 1.0  # above what the slowest hash takes: bcrypt with cost 12
MOST_S = 5.0  # nobody waits longer for others' sake
_REMEMBERED_S = 300.0
_MARGIN = 1.25  # over the slowest of late: the next may be slower
_STEP_S = 0.5  # coarse, so that attempts at the same moment are told the same


class Pace:
    """Every attempt lasts FLOOR_S; where the machine is so busy that one took longer, all of the next minutes last
    longer than that. `sleep` waits for seconds."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self._slow: deque[tuple[float, float]] = deque()  # when, seconds; each slower than all after it
        self._lock = Lock()

    @contextmanager
    def kept(self) -> Iterator[None]:
        started = monotonic()
        try:
            yield
        finally:
            now = monotonic()
            self._sleep(max(0.0, self._target(now, now - started) - (monotonic() - started)))

    def _target(self, now: float, took: float) -> float:
        with self._lock:
            while self._slow and self._slow[0][0] < now - _REMEMBERED_S:
                self._slow.popleft()
            while self._slow and self._slow[-1][1] <= took:
                self._slow.pop()
            self._slow.append((now, took))
            return min(max(FLOOR_S, ceil(_MARGIN * self._slow[0][1] / _STEP_S) * _STEP_S), MOST_S)
