"""An answer that came overnight, in the place of a client that asks: read, judged and booked as any other."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.usage import Attempt, Completion, Fault, Operation, TokenUsage
from cs_ml.llm.faults import CallFailed
from cs_ml.llm.pricing import PriceTable
from cs_ml.llm.replies import judged
from cs_ml.llm.request import Message, Request, estimated_tokens
from cs_ml.llm.run import used
from cs_ml.llm.schema import S, response_format
from cs_ml.llm.traffic.lines import Line


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenAnswer:
    """What came of one question, in the place of a client that asks it: the same reading, the same judging.

    `fingerprint` and `asked_at` of the question as it was sent.
    """

    line: Line
    model: str
    fingerprint: str
    asked_at: datetime
    prices: PriceTable

    def expected_cost(self, messages: Sequence[Message], schema: type[S], *, max_tokens: int) -> Decimal | None:
        """Nothing: it was reserved when the question was sent."""
        del messages, schema, max_tokens
        return Decimal(0)

    def complete(
        self,
        messages: Sequence[Message],
        schema: type[S],
        *,
        operation: Operation,
        ids: Collection[str] = (),
        check: Callable[[S], None] | None = None,
        shorter: Callable[[], tuple[Sequence[Message], Collection[str]]] | None = None,
        max_tokens: int,
        temperature: float,
        on_behalf: str = "",
        patient: bool = False,
    ) -> Completion[S]:
        """Raises EngineUnavailable, to be asked again at once, for an answer that cannot be used, or that was given to
        another question than would be asked today ("stale")."""
        del shorter, on_behalf, patient  # nothing is asked
        request = question_of(messages, schema, ids, max_tokens, temperature)
        fault = self.fault
        if self.fingerprint != fingerprint_of(request):
            raise self._unusable("stale", self.attempt(operation, fault, request))
        try:
            if isinstance(self.line, Fault):
                raise CallFailed(self.line)
            value = judged(self.line, schema, check)
        except CallFailed as failed:
            raise self._unusable(failed.fault, self.attempt(operation, failed.fault, request)) from None
        attempt = self.attempt(operation, None, request)
        return Completion(
            value=value,
            usage=attempt.usage,
            attempts=(attempt,),
            model=attempt.model,
            latency_ms=None,
            cost=attempt.cost,
        )

    @property
    def fault(self) -> Fault | None:
        """What is wrong with it, whatever it says."""
        return self.line if isinstance(self.line, Fault) else self.line.fault

    def attempt(self, operation: Operation, fault: Fault | None, request: Request | None = None) -> Attempt:
        """For the books. Without the `request` what the server did not report is estimated from the answer alone."""
        reply = None if isinstance(self.line, Fault) else self.line
        if request is not None:
            usage = used(request, reply, fault)
        else:
            text = "" if reply is None else reply.text
            told = None if reply is None else reply.usage
            usage = told or TokenUsage(prompt=0, completion=estimated_tokens(text), estimated=bool(text))
        model = (reply.model if reply else None) or self.model
        cost = self.prices.cost(self.model, usage)
        return Attempt(
            operation=operation,
            model=model,
            usage=usage,
            latency_ms=None,
            success=fault is None,
            error_type=fault,
            cost=self.prices.cost(model, usage) if cost is None else cost,
            price_version=self.prices.version,
            created_at=self.asked_at,
        )

    @staticmethod
    def _unusable(reason: str, attempt: Attempt) -> EngineUnavailable:
        return EngineUnavailable(
            "The answer that came overnight cannot be used.",
            reason=reason,
            attempts=(attempt,),
            retry_after=timedelta(0),
        )


def question_of(
    messages: Sequence[Message], schema: type[S], ids: Collection[str], max_tokens: int, temperature: float
) -> Request:
    form = response_format(schema)
    return Request(messages=messages, form=form, max_tokens=max_tokens, temperature=temperature, ids=ids)


def fingerprint_of(request: Request) -> str:
    """Of what is asked, however an endpoint wants it written: that differs from process to process (Features)."""
    asked = [[message.role, message.content] for message in request.messages]
    told = [asked, request.form, sorted(request.ids), request.max_tokens, request.temperature]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
