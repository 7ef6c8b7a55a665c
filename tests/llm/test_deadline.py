"""Waiting between tries, and one deadline for everything."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import cycle

import pytest

from cs_ml.domain.llm.usage import Fault
from cs_ml.llm.request import Message
from tests.llm.asking import VALID, asking
from tests.llm.server import Canned, FakeServer, answer, error

GOOD = answer(VALID)


WAITS = [
    ("1", 1.0),
    ("0", 0.0),
    ("1.5", 1.5),
    (format_datetime(datetime(2026, 6, 30, 12, 0, 1, tzinfo=UTC), usegmt=True), 1.0),
]


@pytest.mark.parametrize(("asked", "seconds"), WAITS)
def test_retry_after_is_obeyed(server: FakeServer, asked: str, seconds: float) -> None:
    date = {"date": "Tue, 30 Jun 2026 12:00:00 GMT"}
    server.script(error(429, retry_after=asked, **date), GOOD)
    with asking(server.url) as asker:
        asker.ask()
        assert asker.slept == [seconds]


@pytest.mark.parametrize("asked", ["soon", "-1", "1e3", "nan", "Tue, 99 Jun"])
def test_a_senseless_retry_after_is_no_answer(server: FakeServer, asked: str) -> None:
    server.script(error(503, retry_after=asked), GOOD)
    with asking(server.url) as asker:
        asker.ask()
        assert 0 <= asker.slept[0] <= 0.5


def test_jitter_is_full_and_grows(server: FakeServer) -> None:
    answers = cycle([error(503), error(503), GOOD])
    server.answer_by(lambda _: next(answers))
    minutes = 0
    with asking(server.url, timeout_s=30, clock=lambda: time.monotonic() + 61 * minutes) as asker:
        for minutes in range(30):  # noqa: B007 - the clock reads it: the breaker forgets
            asker.ask()
        first, second = asker.slept[::2], asker.slept[1::2]
    assert max(first) <= 0.5 < max(second) <= 1.0
    assert min(first) < 0.25
    assert min(second) < 0.5


def test_no_retry_begins_that_cannot_end_in_time(server: FakeServer) -> None:
    server.script(error(429, retry_after="1.9"), GOOD)
    with asking(server.url, timeout_s=2.0) as asker:
        assert len(asker.fail().attempts) == 1
        assert asker.slept == []


def test_one_deadline_holds_for_the_call_and_its_repair(server: FakeServer) -> None:
    server.script(answer("no JSON", delay_s=0.6), Canned(manner="drip_body"))
    with asking(server.url, timeout_s=1.2) as asker:
        began = time.monotonic()
        failed = asker.fail()
        assert time.monotonic() - began < 1.2 + 1.0
    assert [attempt.error_type for attempt in failed.attempts] == [Fault.INVALID_JSON, Fault.TIMEOUT]
    latency = failed.attempts[1].latency_ms
    assert latency is not None
    assert latency < 1000


def test_a_deadline_of_the_caller_comes_before_the_timeout(server: FakeServer) -> None:
    server.script(Canned(manner="hang"))
    with asking(server.url, timeout_s=30) as asker:
        began = time.monotonic()
        assert asker.fail(deadline=began + 0.3).reason == Fault.TIMEOUT
        assert asker.fail(deadline=began).attempts == ()
        assert time.monotonic() - began < 0.3 + 1.0


def test_a_call_that_timed_out_may_be_billed(server: FakeServer) -> None:
    server.script(Canned(manner="hang"))
    with asking(server.url, timeout_s=0.3) as asker:
        (attempt,) = asker.fail([Message(role="user", content="a" * 3000)]).attempts
    assert attempt.usage.estimated
    assert attempt.usage.prompt > 1000
    assert attempt.cost
