"""How many requests an endpoint gets at once and per minute, in turns between those on whose behalf they are."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition

_MINUTE_S = 60.0
_BURST_S = 10.0  # so much of a minute's budget may be spent at once
_LEAST_WAIT_S = 1.0


class Busy(Exception):
    """No room in time. `retry_after`: seconds after which there may be some."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


@dataclass(frozen=True, kw_only=True, slots=True)
class TrafficLimits:
    """Of one process. None is no limit."""

    concurrency: int = 50
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class Gate:
    """Thread-safe, one per endpoint. Of those who wait, each tenant's first is let in turn by turn, so a tenant with
    a thousand requests does not hold up one with a single request."""

    def __init__(self, limits: TrafficLimits, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds."""
        self._clock = clock
        self._changed = Condition()
        self._free = limits.concurrency
        self._waiting: OrderedDict[str, deque[object]] = OrderedDict()
        self._requests = _Budget(limits.requests_per_minute, clock())
        self._tokens = _Budget(limits.tokens_per_minute, clock())

    @contextmanager
    def passing(self, on_behalf: str, tokens: int, wait_s: float) -> Iterator[None]:
        """Waits for room, at most `wait_s`, and holds it for the block. Raises Busy."""
        self._enter(on_behalf, tokens, wait_s)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _enter(self, on_behalf: str, tokens: int, wait_s: float) -> None:
        ticket, until = object(), self._clock() + wait_s
        with self._changed:
            self._waiting.setdefault(on_behalf, deque()).append(ticket)
            try:
                while (pause := self._pause(ticket, tokens)) > 0:
                    left = until - self._clock()
                    if left <= 0 or self._budget_wait(tokens) > left:
                        raise Busy(max(self._budget_wait(tokens), _LEAST_WAIT_S))
                    self._changed.wait(min(pause, left))
                self._free -= 1
                self._requests.take(1, self._clock())
                self._tokens.take(tokens, self._clock())
                self._waiting.move_to_end(on_behalf)  # whose turn it was is the last in the next round
            finally:
                self._leave_line(on_behalf, ticket)

    def _pause(self, ticket: object, tokens: int) -> float:
        """Seconds until it is worth to look again; 0 where the ticket may go in now."""
        first = next(iter(self._waiting.values()))[0]
        if ticket is not first or self._free <= 0:
            return _MINUTE_S  # somebody tells when that changes
        return self._budget_wait(tokens)

    def _budget_wait(self, tokens: int) -> float:
        now = self._clock()
        return max(self._requests.wait(1, now), self._tokens.wait(tokens, now))

    def _leave_line(self, on_behalf: str, ticket: object) -> None:
        line = self._waiting[on_behalf]
        line.remove(ticket)
        if not line:
            del self._waiting[on_behalf]
        self._changed.notify_all()


class _Budget:
    """So much per minute, flowing in evenly. What is taken may lead below zero; then the next one waits."""

    def __init__(self, per_minute: int | None, now: float) -> None:
        self._rate = per_minute / _MINUTE_S if per_minute else None
        self._most = self._rate * _BURST_S if self._rate else 0.0
        self._level, self._at = self._most, now

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken, or as much as is ever there at once."""
        if self._rate is None:
            return 0.0
        return max(min(amount, self._most) - self._level_at(now), 0.0) / self._rate

    def take(self, amount: float, now: float) -> None:
        if self._rate is not None:
            self._level, self._at = self._level_at(now) - amount, now

    def _level_at(self, now: float) -> float:
        return min(self._level + (now - self._at) * (self._rate or 0.0), self._most)
