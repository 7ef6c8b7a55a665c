"""What is let through to an endpoint: so many at once and a minute, in turns between tenants."""

import threading
import time
from collections.abc import Callable

import pytest

from cs_ml.llm.traffic.gate import Busy, Gate, TrafficLimits


class Hands:
    """A clock of monotonic seconds that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def passes(gate: Gate, tokens: int = 1) -> bool:
    try:
        with gate.passing("a", tokens, 0.0):
            return True
    except Busy:
        return False


def in_threads(*works: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    return threads


def test_as_many_at_once_as_it_says_and_then_one_waits() -> None:
    gate = Gate(TrafficLimits(concurrency=2), Hands())
    with gate.passing("a", 1, 0.0), gate.passing("b", 1, 0.0):
        with pytest.raises(Busy) as busy, gate.passing("c", 1, 0.0):
            pass
        assert busy.value.retry_after >= 1
    assert passes(gate)


def test_room_is_given_back_after_an_error() -> None:
    gate = Gate(TrafficLimits(concurrency=1), Hands())
    with pytest.raises(ValueError, match="oh"), gate.passing("a", 1, 0.0):
        raise ValueError("oh")
    assert passes(gate)


@pytest.mark.parametrize(
    ("limits", "tokens", "at_once", "a_minute"),
    [
        (TrafficLimits(requests_per_minute=60), 1, 10, 60),
        (TrafficLimits(tokens_per_minute=6_000), 100, 10, 60),
        (TrafficLimits(tokens_per_minute=600), 5_000, 1, 0),  # more than there ever is at once: one goes, on credit
    ],
)
def test_budgets_flow_in_evenly(limits: TrafficLimits, tokens: int, at_once: int, a_minute: int) -> None:
    clock = Hands()
    gate = Gate(limits, clock)
    assert sum(passes(gate, tokens) for _ in range(100)) == at_once
    let_in = 0
    for _ in range(60):
        clock.now += 1.0
        let_in += sum(passes(gate, tokens) for _ in range(100))
    assert let_in == a_minute


def test_who_finds_no_budget_is_told_when_to_come_back() -> None:
    gate = Gate(TrafficLimits(requests_per_minute=6), Hands())
    assert passes(gate)
    with pytest.raises(Busy) as busy, gate.passing("a", 1, 1.0):
        pass
    assert busy.value.retry_after == pytest.approx(10)


def test_a_tenant_with_one_request_does_not_wait_behind_one_with_many() -> None:
    gate = Gate(TrafficLimits(concurrency=1), time.monotonic)
    order: list[str] = []

    def ask(tenant: str) -> Callable[[], None]:
        def work() -> None:
            with gate.passing(tenant, 1, 30.0):
                order.append(tenant)

        return work

    def in_line(number: int) -> None:
        while sum(len(line) for line in gate._waiting.values()) < number:
            time.sleep(0.001)

    with gate.passing("first", 1, 1.0):
        threads = in_threads(*[ask("many")] * 6)
        in_line(6)
        threads += in_threads(ask("few"))
        in_line(7)
    for thread in threads:
        thread.join(30)
    assert order.index("few") <= 1
    assert order.count("many") == 6
