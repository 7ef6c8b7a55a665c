"""One completion on its way: how much time it has left, and its books."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import add

from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.usage import FAULT_SENTENCES, NO_TOKENS, Attempt, Completion, Fault, Operation, TokenUsage
from cs_ml.llm.faults import ROWS
from cs_ml.llm.pricing import PriceTable
from cs_ml.llm.replies import Reply
from cs_ml.llm.request import Request, estimated_tokens
from cs_ml.llm.schema import S

PATIENT_LINE_S = 1.0  # those who come back later do not stand in line for long


@dataclass(kw_only=True, slots=True)
class Run:
    """`clock`, `started` and `deadline` in monotonic seconds; `now` is aware UTC, for the books.

    `retries` and `changes` count what was already done, as each has its limit.
    """

    operation: Operation
    model: str
    prices: PriceTable
    clock: Callable[[], float]
    now: Callable[[], datetime]
    started: float
    deadline: float
    on_behalf: str = ""
    patient: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    retries: int = 0
    changes: set[Fault] = field(default_factory=set)

    def left(self) -> float:
        """Seconds until the deadline, negative after it."""
        return self.deadline - self.clock()

    def line_s(self) -> float:
        """Seconds that this caller stands in line for a busy endpoint."""
        return min(self.left(), PATIENT_LINE_S) if self.patient else self.left()

    def is_early(self) -> bool:
        return self.left() > (self.deadline - self.started) / 2

    def book(self, request: Request, sent_at: datetime, sent: float, reply: Reply | None, fault: Fault | None) -> None:
        """Writes down one request that was sent."""
        model = (reply.model if reply else None) or self.model
        usage = used(request, reply, fault)
        cost = self.prices.cost(self.model, usage)
        attempt = Attempt(
            operation=self.operation,
            model=model,
            usage=usage,
            latency_ms=round(1000 * (self.clock() - sent)),
            success=fault is None,
            error_type=fault,
            cost=self.prices.cost(model, usage) if cost is None else cost,
            price_version=self.prices.version,
            created_at=sent_at,
        )
        self.attempts.append(attempt)

    def completion(self, value: S) -> Completion[S]:
        costs = [attempt.cost for attempt in self.attempts]
        known = [cost for cost in costs if cost is not None]
        return Completion(
            value=value,
            usage=reduce(add, (attempt.usage for attempt in self.attempts)),
            attempts=tuple(self.attempts),
            model=self.attempts[-1].model,
            latency_ms=round(1000 * (self.clock() - self.started)),
            cost=sum(known, start=Decimal(0)) if len(known) == len(costs) else None,
        )

    def unavailable(self, fault: Fault, retry_after: timedelta | None) -> EngineUnavailable:
        return EngineUnavailable(
            FAULT_SENTENCES[fault], reason=fault, attempts=tuple(self.attempts), retry_after=retry_after
        )


def used(request: Request, reply: Reply | None, fault: Fault | None) -> TokenUsage:
    """What the server reported, else our estimate; nothing for a request that no model worked on."""
    if reply is not None and reply.usage is not None:
        return reply.usage
    if reply is None and not (fault and ROWS[fault].billed):
        return NO_TOKENS
    answer = estimated_tokens(reply.text) if reply else 0
    return TokenUsage(prompt=request.prompt_tokens, completion=answer, estimated=True)
