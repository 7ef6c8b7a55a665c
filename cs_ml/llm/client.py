"""The client: messages and a form in, a validated answer with its price out; every way to fail has a name."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Generic, cast

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from cs_ml.domain.llm.usage import BreakerState, Completion, Fault, Operation, TokenUsage
from cs_ml.domain.llm.watching import Watch, unwatched
from cs_ml.llm.faults import ROWS, Adapted, CallFailed
from cs_ml.llm.pricing import PriceTable
from cs_ml.llm.replies import Reply, judged, read_reply
from cs_ml.llm.request import Features, Message, Request
from cs_ml.llm.run import Run
from cs_ml.llm.schema import S, response_format
from cs_ml.llm.traffic.breaker import Breaker
from cs_ml.llm.traffic.gate import Busy, Gate, TrafficLimits
from cs_ml.llm.traffic.overnight import Overnight
from cs_ml.llm.transport import Endpoint, Transport

MAX_TOKENS = 1_500
TEMPERATURE = 0.1
LEAST_S = 0.2  # with less time left no further request is worth its price
RESERVED_CALLS = 2  # a call and one change of it: a repair, or once more with twice the room for the answer
PUT_OFF_S = 2.0  # where a busy server does not say how long

_full_jitter = wait_random_exponential(multiplier=0.5, max=8)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task(Generic[S]):
    """What the caller wants of an answer, and how it could ask with less."""

    schema: type[S]
    check: Callable[[S], None] | None
    shorter: Callable[[], tuple[Sequence[Message], Collection[str]]] | None


class LlmClient:
    """One model at one endpoint; thread-safe. Make one for the whole process: it holds the circuit breaker, and what
    the endpoint is known not to take (Features)."""

    def __init__(
        self,
        endpoint: Endpoint,
        prices: PriceTable,
        *,
        timeout_s: float,
        now: Callable[[], datetime],
        limits: TrafficLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        watch: Watch = unwatched,
    ) -> None:
        """`timeout_s`: for everything that one completion does, waiting, retries and repair included.

        `now`: aware UTC, for the books. `clock`: monotonic seconds, for deadlines and the breaker.
        """
        self.model = endpoint.model
        self._transport = Transport(endpoint)
        self._prices = prices
        self._timeout_s = timeout_s
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._watch = watch
        self._breaker = Breaker(clock)
        self._gate = Gate(limits or TrafficLimits(), clock)
        self._features = Features(names_ids=not endpoint.keeps_forms)
        self._adapting = Lock()
        self.overnight = Overnight(self._transport, prices, endpoint.model, lambda: self._features)

    def breaker_state(self) -> BreakerState:
        return self._breaker.state()

    def expected_cost(
        self, messages: Sequence[Message], schema: type[S], *, max_tokens: int = MAX_TOKENS
    ) -> Decimal | None:
        """US dollars to reserve before `complete`: more than it usually costs. None where no price is known."""
        request = _request(messages, schema, max_tokens, TEMPERATURE)
        room = (1 + 2) * max_tokens
        usage = TokenUsage(prompt=RESERVED_CALLS * request.prompt_tokens, completion=room)
        return self._prices.cost(self.model, usage)

    def complete(
        self,
        messages: Sequence[Message],
        schema: type[S],
        *,
        operation: Operation,
        ids: Collection[str] = (),
        check: Callable[[S], None] | None = None,
        shorter: Callable[[], tuple[Sequence[Message], Collection[str]]] | None = None,
        max_tokens: int = MAX_TOKENS,
        temperature: float = TEMPERATURE,
        deadline: float | None = None,
        on_behalf: str = "",
        patient: bool = False,
    ) -> Completion[S]:
        """An answer in the form of `schema` that `check` accepts (else it raises AnswerRejected, and the model may
        repair its answer once). `ids`: what it may cite. `shorter` makes briefer messages and their ids where the first
        were too long for the model.
        `deadline`: an instant of the monotonic clock by which all must be done, where that is before the timeout.
        `on_behalf`: whose request it is; they take turns. `patient`: does not wait for a busy server or for room, but
        is told when to come back.

        Raises EngineUnavailable with a Fault as its reason and all attempts, at most a second after the deadline.
        """
        self._transport.open()  # loads packages the first time, which is no time of the model's
        request = replace(_request(messages, schema, max_tokens, temperature), ids=ids)
        run = self._run(operation, deadline, on_behalf, patient=patient)
        task = _Task(schema=schema, check=check, shorter=shorter)
        while True:
            try:
                value = self._with_retries(run, task, request)
            except CallFailed as failure:
                changed = _changed(run, task, request, failure)
                if changed is None:
                    _log.warning("no answer from the model: %s after %d attempts", failure.fault, len(run.attempts))
                    raise run.unavailable(failure.fault, self._put_off(run, failure)) from None
                request = changed
            else:
                return run.completion(value)

    def close(self) -> None:
        self._transport.close()

    def _put_off(self, run: Run, failure: CallFailed) -> timedelta | None:
        """When the patient are to come back: the server is busy, or left alone for a while."""
        if not run.patient:
            return None
        if failure.fault is Fault.RATE_LIMITED:
            return timedelta(seconds=PUT_OFF_S if failure.retry_after is None else failure.retry_after)
        if failure.fault is Fault.BREAKER_OPEN and (left := self._breaker.state().retry_in_s) is not None:
            return timedelta(seconds=max(left, PUT_OFF_S))
        return None

    def _run(self, operation: Operation, deadline: float | None, on_behalf: str, *, patient: bool) -> Run:
        started = self._clock()
        end = started + self._timeout_s
        return Run(
            operation=operation,
            model=self.model,
            prices=self._prices,
            clock=self._clock,
            now=self._now,
            started=started,
            deadline=end if deadline is None else min(deadline, end),
            on_behalf=on_behalf,
            patient=patient,
        )

    def _with_retries(self, run: Run, task: _Task[S], request: Request) -> S:
        """The same request again where the failure table says so, waiting as the server asks or at random."""

        def again(error: BaseException) -> bool:
            if not isinstance(error, CallFailed):
                return False
            if run.patient and error.fault is Fault.RATE_LIMITED:
                return False
            row = ROWS[error.fault]
            in_time = run.is_early() or not row.early
            return run.retries < row.retries and in_time and self._breaker.state().kind == "closed"

        def count(_state: RetryCallState) -> None:
            run.retries += 1

        retrying = Retrying(
            retry=retry_if_exception(again),
            wait=_wait,
            stop=lambda state: state.upcoming_sleep + LEAST_S > run.left(),
            before_sleep=count,
            sleep=self._sleep,
            reraise=True,
        )
        value: S = retrying(self._attempt, run, task, request)
        return value

    def _attempt(self, run: Run, task: _Task[S], request: Request) -> S:
        """One request, as soon as there is room for it. Raises CallFailed."""
        if run.left() <= 0:
            raise CallFailed(Fault.TIMEOUT)
        tokens = request.prompt_tokens + request.max_tokens
        try:
            with self._gate.passing(run.on_behalf, tokens, run.line_s()):
                return self._watched(run, task, request)
        except Busy as busy:
            raise CallFailed(Fault.RATE_LIMITED, retry_after=busy.retry_after) from None

    def _watched(self, run: Run, task: _Task[S], request: Request) -> S:
        with self._watch("llm", run.operation, run.on_behalf) as seen:
            try:
                return self._send(run, task, request)
            except CallFailed as failure:
                seen.outcome = failure.fault
                raise

    def _send(self, run: Run, task: _Task[S], request: Request) -> S:
        """One request, judged, and told to the breaker and the books. Raises CallFailed."""
        ticket = self._breaker.admit()
        if ticket is None:
            raise CallFailed(Fault.BREAKER_OPEN)
        features, sent_at, sent = self._features, self._now(), self._clock()
        reply: Reply | None = None
        fault: Fault | None = None
        try:
            reply = read_reply(self._transport.post(features.body(request), run.left()))
            return judged(reply, task.schema, task.check)
        except CallFailed as failure:
            adapted = failure.fault in {Fault.BAD_REQUEST, Fault.SERVER_ERROR} and self._adapt(features, failure)
            fault = Fault.BAD_REQUEST if adapted else failure.fault
            raise Adapted(fault) if adapted else failure from None
        finally:
            self._breaker.record(ticket, fault, patient=run.patient)
            run.book(request, sent_at, sent, reply, fault)

    def _adapt(self, sent: Features, failure: CallFailed) -> bool:
        """Leaves out what the endpoint refused, from now on. False if the refusal names nothing that can go."""
        fewer = sent.without(failure.detail)
        if fewer is None:
            return False
        with self._adapting:
            if self._features == sent:  # else another thread learned something meanwhile: try with that
                self._features = fewer
                _log.info("the model's server does not take all parameters; from now on: %s", fewer)
        return True


def _request(messages: Sequence[Message], schema: type[S], max_tokens: int, temperature: float) -> Request:
    return Request(messages=messages, form=response_format(schema), max_tokens=max_tokens, temperature=temperature)


def _wait(state: RetryCallState) -> float:
    """Seconds before the next try: what the server asked for, else full jitter."""
    failure = cast(CallFailed, state.outcome.exception()) if state.outcome else None
    return _full_jitter(state) if failure is None or failure.retry_after is None else failure.retry_after


def _changed(run: Run, task: _Task[S], request: Request, failure: CallFailed) -> Request | None:
    """Another request that may succeed where this one failed, each kind of change once. None: give up."""
    if run.left() < LEAST_S:
        return None
    if isinstance(failure, Adapted):
        return request
    kind = Fault.SCHEMA if ROWS[failure.fault].repair else failure.fault
    if kind in run.changes:
        return None
    run.changes.add(kind)
    if failure.answer is not None:
        return request.with_complaint(failure.answer, failure.detail)
    if kind is Fault.TRUNCATED:
        return replace(request, max_tokens=2 * request.max_tokens)
    if kind is Fault.CONTEXT_LENGTH and task.shorter is not None:
        messages, ids = task.shorter()
        return replace(request, messages=messages, ids=ids)
    return None
