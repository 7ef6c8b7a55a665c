"""The circuit breaker by its own clock."""

import random
import threading

import pytest

from cs_ml.domain.llm.usage import Fault
from cs_ml.llm.traffic.breaker import FAILURES_IN_A_ROW, OPEN_S, WINDOW_S, Breaker


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def call(breaker: Breaker, fault: Fault | None, *, patient: bool = False) -> None:
    ticket = breaker.admit()
    assert ticket is not None
    breaker.record(ticket, fault, patient=patient)


def break_it(breaker: Breaker) -> None:
    for _ in range(FAILURES_IN_A_ROW):
        call(breaker, Fault.SERVER_ERROR)


def test_it_opens_with_the_fifth_failure_in_a_row(breaker: Breaker) -> None:
    for _ in range(FAILURES_IN_A_ROW - 1):
        call(breaker, Fault.SERVER_ERROR)
    call(breaker, None)
    for _ in range(FAILURES_IN_A_ROW - 1):
        call(breaker, Fault.RESET)
    assert breaker.state().kind == "closed"
    call(breaker, Fault.TIMEOUT)
    state = breaker.state()
    assert (state.kind, state.fault, state.retry_in_s) == ("open", Fault.TIMEOUT, OPEN_S)
    assert breaker.admit() is None


def test_it_opens_when_half_of_ten_calls_failed(breaker: Breaker) -> None:
    for _ in range(4):
        call(breaker, Fault.SERVER_ERROR)
        call(breaker, None)
    call(breaker, None)
    assert breaker.state().kind == "closed"
    call(breaker, Fault.SERVER_ERROR)
    assert breaker.state().kind == "open"


def test_a_server_that_refuses_all_the_patient_is_left_alone_after_ten(breaker: Breaker) -> None:
    for _ in range(9):
        call(breaker, Fault.RATE_LIMITED, patient=True)
    assert breaker.state().kind == "closed"
    call(breaker, Fault.RATE_LIMITED, patient=True)
    assert breaker.state().kind == "open"


def test_refusals_of_the_patient_come_back_before_the_answers_and_tell_little(breaker: Breaker) -> None:
    """A third of thirty calls at once is refused, and all that before the first answer."""
    tickets = [breaker.admit() or 0 for _ in range(30)]
    for number, ticket in enumerate(tickets):
        breaker.record(ticket, Fault.RATE_LIMITED if number < 10 else None, patient=True)
        assert breaker.state().kind == "closed"
    seen = list[str]()
    for ticket in [breaker.admit() or 0 for _ in range(30)]:
        breaker.record(ticket, Fault.RATE_LIMITED, patient=True)
        seen.append(breaker.state().kind)
    assert seen.index("open") == 19  # 30 of 60 calls, those under way included


@pytest.mark.parametrize(("fault", "patient"), [(Fault.TIMEOUT, True), (Fault.RATE_LIMITED, False)])
def test_nothing_else_is_taken_so_lightly(breaker: Breaker, fault: Fault, patient: bool) -> None:
    tickets = [breaker.admit() or 0 for _ in range(FAILURES_IN_A_ROW)]
    for ticket in tickets:
        breaker.record(ticket, fault, patient=patient)
    assert breaker.state().kind == "open"


def test_old_failures_are_forgotten(breaker: Breaker, clock: Clock) -> None:
    for _ in range(4):
        call(breaker, Fault.SERVER_ERROR)
        call(breaker, None)
    clock.seconds += WINDOW_S + 1
    for _ in range(4):
        call(breaker, None)
        call(breaker, Fault.SERVER_ERROR)
    assert breaker.state().kind == "closed"


def test_exactly_one_probe(breaker: Breaker, clock: Clock) -> None:
    break_it(breaker)
    clock.seconds += OPEN_S - 0.001
    assert breaker.admit() is None
    clock.seconds += 0.001
    assert breaker.state().kind == "half_open"
    probe = breaker.admit()
    assert probe is not None
    assert breaker.admit() is None
    breaker.record(probe, None)
    assert breaker.state().kind == "closed"
    assert breaker.admit() is not None


def test_a_probe_that_fails_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    break_it(breaker)
    clock.seconds += OPEN_S
    call(breaker, Fault.RATE_LIMITED)
    state = breaker.state()
    assert (state.kind, state.fault, state.retry_in_s) == ("open", Fault.RATE_LIMITED, OPEN_S)


def test_a_probe_that_the_model_refuses_shows_that_the_endpoint_works(breaker: Breaker, clock: Clock) -> None:
    break_it(breaker)
    clock.seconds += OPEN_S
    call(breaker, Fault.REFUSED)
    assert breaker.state().kind == "closed"


def test_a_call_from_before_it_opened_changes_nothing(breaker: Breaker, clock: Clock) -> None:
    late = breaker.admit()
    assert late is not None
    break_it(breaker)
    breaker.record(late, None)
    assert breaker.state().kind == "open"
    clock.seconds += OPEN_S
    assert breaker.admit() is not None
    breaker.record(late, Fault.KEY_REFUSED)
    assert breaker.state().kind == "half_open"


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [(Fault.KEY_REFUSED, None), (Fault.MODEL_NOT_FOUND, None), (Fault.PERMISSION, 300), (Fault.QUOTA, 900)],
)
def test_some_faults_open_it_at_once(breaker: Breaker, clock: Clock, fault: Fault, seconds: float | None) -> None:
    call(breaker, fault)
    assert breaker.state().retry_in_s == seconds
    clock.seconds += 10**9 if seconds is None else seconds - 1
    assert breaker.admit() is None


def test_threads_get_one_probe(breaker: Breaker, clock: Clock) -> None:
    break_it(breaker)
    clock.seconds += OPEN_S
    tickets: list[int | None] = []
    barrier = threading.Barrier(16)

    def ask() -> None:
        barrier.wait()
        tickets.append(breaker.admit())

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(ticket is not None for ticket in tickets) == 1


def test_it_never_stays_shut_for_ever_after_an_outage(breaker: Breaker, clock: Clock) -> None:
    """Whatever happens before, calls that succeed from some moment on are let through again."""
    dice = random.Random(7)
    for _ in range(2_000):
        clock.seconds += dice.random() * 20
        ticket = breaker.admit()
        if ticket is not None:
            breaker.record(ticket, dice.choice([None, Fault.SERVER_ERROR, Fault.TIMEOUT, Fault.QUOTA, Fault.REFUSED]))
    clock.seconds += 901
    for _ in range(3):
        call(breaker, None)
    assert breaker.state().kind == "closed"
