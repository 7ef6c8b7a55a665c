"""The circuit breaker of one endpoint: after failures in a row nobody waits for a broken server any more."""

import math
from collections import deque
from collections.abc import Callable
from threading import Lock

from cs_ml.domain.llm.usage import BreakerState, Fault
from cs_ml.llm.faults import ROWS

FAILURES_IN_A_ROW = 5
WINDOW_S = 60.0
WINDOW_CALLS = 10
WINDOW_SHARE = 0.5
OPEN_S = 30.0


class Breaker:
    """Thread-safe. Every `admit` that answers a ticket is followed by one `record`.

    Opens after FAILURES_IN_A_ROW, or when WINDOW_SHARE of at least WINDOW_CALLS in WINDOW_S failed, for OPEN_S; some
    faults open it at once for longer. Then one call is let through as a probe: it closes the breaker or opens it again.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds."""
        self._clock = clock
        self._lock = Lock()
        self._in_a_row = 0
        self._recent: deque[tuple[float, bool]] = deque()
        self._open_until: float | None = None
        self._fault: Fault | None = None
        self._probing = False
        self._openings = 0
        self._under_way = 0

    def admit(self) -> int | None:
        """A ticket for one call, None where no call may be made now."""
        with self._lock:
            if self._open_until is not None:
                if self._probing or self._clock() < self._open_until:
                    return None
                self._probing = True
            self._under_way += 1
            return self._openings

    def record(self, ticket: int, fault: Fault | None, *, patient: bool = False) -> None:
        """The end of a call, None for a success. One that began before the breaker last opened tells nothing new.

        `patient`: who called comes back when a busy server says so. Of many calls at once the refused ones end first,
        so that such refusals are no failures in a row, and are a share of the calls under way, too.
        """
        with self._lock:
            self._under_way -= 1
            if ticket != self._openings:
                return
            row = ROWS[fault] if fault else None
            if row is not None and row.breaker == "opens":
                self._open(fault, math.inf if row.open_s is None else row.open_s)
            elif self._counts(
                failed=row is not None and row.breaker == "counts", busy=patient and fault is Fault.RATE_LIMITED
            ):
                self._open(fault, OPEN_S)
            elif self._probing:
                self._probing, self._open_until, self._fault = False, None, None

    def state(self) -> BreakerState:
        with self._lock:
            if self._open_until is None:
                return BreakerState(kind="closed", fault=None, retry_in_s=None)
            left = self._open_until - self._clock()
            if left <= 0:
                return BreakerState(kind="half_open", fault=self._fault, retry_in_s=0.0)
            return BreakerState(kind="open", fault=self._fault, retry_in_s=None if math.isinf(left) else left)

    def _counts(self, *, failed: bool, busy: bool) -> bool:
        """Books a call; whether the endpoint now counts as broken."""
        now = self._clock()
        if not busy:
            self._in_a_row = self._in_a_row + 1 if failed else 0
        self._recent.append((now, failed))
        while self._recent[0][0] < now - WINDOW_S:
            self._recent.popleft()
        failures, calls = sum(failure for _, failure in self._recent), len(self._recent)
        mostly = calls >= WINDOW_CALLS and failures >= WINDOW_SHARE * (calls + self._under_way * busy)
        return failed and (self._probing or mostly or self._in_a_row >= FAILURES_IN_A_ROW)

    def _open(self, fault: Fault | None, seconds: float) -> None:
        self._openings += 1
        self._open_until = self._clock() + seconds
        self._fault, self._probing, self._in_a_row = fault, False, 0
        self._recent.clear()
