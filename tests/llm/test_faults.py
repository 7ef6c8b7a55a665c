"""Every row of the failure table over real HTTP: attempts, reason, effect on the breaker, time."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from cs_ml.domain.llm.usage import Fault
from cs_ml.llm import transport
from tests.llm.asking import TIMEOUT_S, VALID, asking
from tests.llm.server import Canned, FakeServer, answer, error, reply

OVERSHOOT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """`opens`: None if the breaker stays closed, else the seconds it opens for (0: until the settings change)."""

    sent: Canned
    fault: Fault
    attempts: int = 1
    opens: int | None = None


RETRIED = 3
WRONG_FIELDS: dict[str, dict[str, object]] = {
    "'85%'": {"probability": "85%"},
    "'0.85'": {"probability": "0.85"},
    "true": {"probability": True},
    "NaN": {"probability": float("nan")},
    "infinite": {"probability": float("inf")},
    "1.7": {"probability": 1.7},
    "-0.1": {"probability": -0.1},
    "null": {"probability": None},
    "extra field": {"band": "high"},
    "number for a text": {"explanation": 4},
    "too long": {"explanation": "x" * 401},
    "NUL": {"explanation": "a\0b"},
    "half a character": {"explanation": "\ud83d"},
}
CASES = {
    "401": Case(sent=error(401, "invalid_api_key"), fault=Fault.KEY_REFUSED, opens=0),
    "403": Case(sent=error(403), fault=Fault.PERMISSION, opens=300),
    "404": Case(sent=error(404, "model_not_found"), fault=Fault.MODEL_NOT_FOUND, opens=0),
    "404 of a wrong address": Case(sent=Canned(status=404, body=b"<h1>Nothing"), fault=Fault.MODEL_NOT_FOUND, opens=0),
    "400": Case(sent=error(400), fault=Fault.BAD_REQUEST),
    "405": Case(sent=Canned(status=405), fault=Fault.BAD_REQUEST),
    "413": Case(sent=Canned(status=413), fault=Fault.CONTEXT_LENGTH),
    "context length": Case(sent=error(400, "context_length_exceeded"), fault=Fault.CONTEXT_LENGTH),
    "context length in words": Case(
        sent=error(400, message="This model's maximum context length is 4096 tokens."), fault=Fault.CONTEXT_LENGTH
    ),
    "402": Case(sent=Canned(status=402), fault=Fault.QUOTA, opens=900),
    "429 quota": Case(sent=error(429, "insufficient_quota", retry_after="1"), fault=Fault.QUOTA, opens=900),
    "429": Case(sent=error(429), fault=Fault.RATE_LIMITED, attempts=RETRIED),
    "429 Retry-After": Case(sent=error(429, retry_after="1"), fault=Fault.RATE_LIMITED, attempts=RETRIED),
    "429 Retry-After too long": Case(sent=error(429, retry_after="60"), fault=Fault.RATE_LIMITED),
    **{
        str(status): Case(sent=error(status), fault=Fault.SERVER_ERROR, attempts=RETRIED)
        for status in (408, 409, 500, 502, 503, 504, 529)
    },
    "reset": Case(sent=Canned(body=b'{"choices": [', manner="reset"), fault=Fault.RESET, attempts=RETRIED),
    "cut body": Case(sent=Canned(body=b'{"choices": [', manner="cut"), fault=Fault.RESET, attempts=RETRIED),
    "redirect": Case(sent=Canned(status=302, headers={"location": "/v1/other"}), fault=Fault.REDIRECT),
    "redirect 308": Case(sent=Canned(status=308, headers={"location": "/v1/other"}), fault=Fault.REDIRECT),
    "HTML": Case(sent=Canned(body=b"<!doctype html><h1>Sign in"), fault=Fault.INVALID_BODY, attempts=2),
    "packed body": Case(
        sent=Canned(body=b"\x1f\x8b", headers={"content-encoding": "gzip"}), fault=Fault.INVALID_BODY, attempts=2
    ),
    "nothing": Case(sent=Canned(), fault=Fault.INVALID_BODY, attempts=2),
    "a list": Case(sent=Canned(body=b"[]"), fault=Fault.INVALID_BODY, attempts=2),
    "200 error": Case(sent=reply(error={"message": "boom"}), fault=Fault.SERVER_ERROR, attempts=RETRIED),
    "200 error with status": Case(sent=reply(error={"code": 401, "message": "no"}), fault=Fault.KEY_REFUSED, opens=0),
    "200 error with code": Case(sent=reply(error={"code": "insufficient_quota"}), fault=Fault.QUOTA, opens=900),
    "200 error text": Case(sent=reply(error="overloaded"), fault=Fault.SERVER_ERROR, attempts=RETRIED),
    "choices null": Case(sent=reply(choices=None), fault=Fault.NO_CHOICES, attempts=RETRIED),
    "choices empty": Case(sent=reply(choices=[]), fault=Fault.NO_CHOICES, attempts=RETRIED),
    "content null": Case(sent=answer(None), fault=Fault.EMPTY, attempts=2),
    "content empty": Case(sent=answer("  \n"), fault=Fault.EMPTY, attempts=2),
    "refusal": Case(sent=answer(None, refusal="I cannot help with that."), fault=Fault.REFUSED),
    "content filter": Case(sent=answer("", finish="content_filter"), fault=Fault.CONTENT_FILTER),
    "content filter on the prompt": Case(sent=error(400, "content_filter"), fault=Fault.CONTENT_FILTER),
    "length": Case(sent=answer('{"probability": 0.6', finish="length"), fault=Fault.TRUNCATED, attempts=2),
    "length of a whole answer": Case(sent=answer(VALID, finish="length"), fault=Fault.TRUNCATED, attempts=2),
    "invalid JSON": Case(sent=answer('{"probability": 0.6,'), fault=Fault.INVALID_JSON, attempts=2),
    "no JSON": Case(sent=answer("I think they will leave."), fault=Fault.INVALID_JSON, attempts=2),
    "deep JSON": Case(sent=answer('{"a":' * 9_000), fault=Fault.INVALID_JSON, attempts=2),
    "key twice": Case(
        sent=answer('{"probability": 0.1, "probability": 0.9, "evidence": [], "explanation": ""}'),
        fault=Fault.INVALID_JSON,
        attempts=2,
    ),
    **{
        name: Case(sent=answer({**VALID, **change}), fault=Fault.SCHEMA, attempts=2)
        for name, change in WRONG_FIELDS.items()
    },
    "1e999": Case(
        sent=answer('{"probability": 1e999, "evidence": [], "explanation": ""}'), fault=Fault.SCHEMA, attempts=2
    ),
    "missing field": Case(sent=answer({"probability": 0.5}), fault=Fault.SCHEMA, attempts=2),
    "invented evidence": Case(sent=answer({**VALID, "evidence": ["X9"]}), fault=Fault.UNGROUNDED, attempts=2),
    "2 MB": Case(sent=answer("x" * 2_000_000), fault=Fault.TOO_LARGE),
    "2 MB of error": Case(sent=Canned(status=500, body=b"x" * 2_000_000), fault=Fault.TOO_LARGE),
    "70 KB of answer": Case(sent=answer("x" * 70_000), fault=Fault.TOO_LARGE),
    "timeout": Case(sent=Canned(manner="hang"), fault=Fault.TIMEOUT),
    "slow": Case(sent=answer(VALID, delay_s=TIMEOUT_S + 2), fault=Fault.TIMEOUT),
    "headers drip": Case(sent=Canned(manner="drip_headers"), fault=Fault.TIMEOUT),
    "body drips": Case(sent=Canned(body=b"{", manner="drip_body"), fault=Fault.TIMEOUT),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_fault_has_its_row(server: FakeServer, case: Case, figure: Callable[[str], None]) -> None:
    server.script(case.sent)
    with asking(server.url) as asker:
        began = time.monotonic()
        failed = asker.fail()
        took = time.monotonic() - began
        state = asker.client.breaker_state()

    assert failed.reason == case.fault
    assert len(server.requests) == len(failed.attempts) == case.attempts
    assert [attempt.error_type for attempt in failed.attempts] == [case.fault] * case.attempts
    assert not any(attempt.success for attempt in failed.attempts)
    assert took < TIMEOUT_S + OVERSHOOT_S
    figure(f"rules in {took:.1f} s after {case.attempts} {'try' if case.attempts == 1 else 'tries'}")
    if case.opens is None:
        assert state.kind == "closed"
    else:
        assert (state.kind, state.fault) == ("open", case.fault)
        assert state.retry_in_s == (pytest.approx(case.opens, abs=TIMEOUT_S) if case.opens else None)


COUNTED = ["429", "500", "503", "reset", "HTML", "choices empty", "2 MB"]
NOT_COUNTED = ["400", "refusal", "content filter", "'85%'", "redirect", "content null", "length"]


@pytest.mark.parametrize("name", COUNTED)
def test_an_endpoint_that_fails_five_times_in_a_row_is_left_alone(server: FakeServer, name: str) -> None:
    server.script(CASES[name].sent)
    with asking(server.url) as asker:
        for _ in range(100):
            asker.fail()
        assert len(server.requests) == 5
        began = time.monotonic()
        failed = asker.fail()
        assert (failed.reason, failed.attempts) == (Fault.BREAKER_OPEN, ())
        assert time.monotonic() - began < 0.1


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_what_is_no_outage_never_opens_the_breaker(server: FakeServer, name: str) -> None:
    server.script(CASES[name].sent)
    with asking(server.url) as asker:
        for _ in range(12):
            assert asker.fail().reason == CASES[name].fault
        assert asker.client.breaker_state().kind == "closed"


def test_an_outage_under_ten_threads_costs_few_calls(server: FakeServer) -> None:
    server.script(Canned(status=503, delay_s=0.02))
    with asking(server.url) as asker:
        threads = [threading.Thread(target=lambda: [asker.fail() for _ in range(10)]) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 5 <= len(server.requests) <= 15


def test_a_probe_closes_the_breaker_again(server: FakeServer) -> None:
    server.script(*[error(503)] * 5, answer(VALID))
    offset = 0.0
    with asking(server.url, clock=lambda: time.monotonic() + offset) as asker:
        asker.fail()
        asker.fail()
        assert asker.client.breaker_state().kind == "open"
        offset = 31.0
        assert asker.client.breaker_state().kind == "half_open"
        assert asker.ask().value.probability == VALID["probability"]
        assert asker.client.breaker_state().kind == "closed"


def test_a_key_that_was_refused_is_not_sent_again(server: FakeServer) -> None:
    server.script(error(401), answer(VALID))
    offset = 0.0
    with asking(server.url, clock=lambda: time.monotonic() + offset) as asker:
        asker.fail()
        offset = 10_000_000.0
        assert asker.fail().reason == Fault.BREAKER_OPEN
    assert len(server.requests) == 1


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_nobody_listens() -> None:
    with asking(f"http://127.0.0.1:{unused_port()}/v1") as asker:
        failed = asker.fail()
        assert [attempt.error_type for attempt in failed.attempts] == [Fault.CONNECTION] * 2
        assert [attempt.usage.total for attempt in failed.attempts] == [0, 0]
        assert asker.client.breaker_state().kind == "closed"


def test_tls_that_cannot_be_trusted(server: FakeServer) -> None:
    with asking(server.url.replace("http://", "https://")) as asker:
        failed = asker.fail()
        assert [attempt.error_type for attempt in failed.attempts] == [Fault.TLS]
        assert asker.client.breaker_state().kind == "open"
    assert server.requests == []


@contextmanager
def full_listener() -> Iterator[int]:
    """A port where connecting hangs: its queue is full and nobody accepts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for one in waiting:
                one.close()


def test_a_connection_that_hangs_is_tried_again_while_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_S", 0.3)
    with full_listener() as port, asking(f"http://127.0.0.1:{port}/v1") as asker:
        assert [attempt.error_type for attempt in asker.fail().attempts] == [Fault.TIMEOUT] * 2
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_S", 1.5)
    with full_listener() as port, asking(f"http://127.0.0.1:{port}/v1") as asker:
        assert [attempt.error_type for attempt in asker.fail().attempts] == [Fault.TIMEOUT]


def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", unknown)
    with asking("https://llm.example/v1") as asker:
        assert [attempt.error_type for attempt in asker.fail().attempts] == [Fault.DNS] * 2


def test_looking_up_a_name_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def hang(*_args: object, **_kwargs: object) -> None:
        answered.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_S", 60.0)
    with asking("https://llm.example/v1", timeout_s=0.5) as asker:
        began = time.monotonic()
        failed = asker.fail()
        assert time.monotonic() - began < 0.5 + OVERSHOOT_S
        assert failed.reason == Fault.TIMEOUT
        answered.set()
