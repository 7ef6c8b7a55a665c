"""The provider's Batch API: what is sent, what comes back, and every way in which it does not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.overnight import ProviderAway, ProviderRefuses
from cs_ml.domain.llm.usage import Fault, TokenUsage
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.replies import read_reply
from cs_ml.llm.traffic import overnight as module
from cs_ml.llm.traffic.given import GivenAnswer
from cs_ml.llm.traffic.overnight import Overnight
from cs_ml.llm.transport import Endpoint
from tests.llm.asking import MESSAGES, MODEL, NOW, VALID, Verdict, grounded
from tests.llm.server import SNAPSHOT, FakeServer, answer, error
from tests.llm.traffic.provider import CREATED_AT, Provider

IDS = ("H1", "A3")
SINCE = datetime.fromtimestamp(CREATED_AT, UTC)
HOW: dict[str, Any] = {"max_tokens": 300, "temperature": 0.1}


@pytest.fixture
def provider(server: FakeServer) -> Provider:
    return Provider(server)


@pytest.fixture
def night(server: FakeServer) -> Iterator[Overnight]:
    endpoint = Endpoint(base_url=server.url, api_key="sk-test", model=MODEL, fallback_key="sk-next")
    client = LlmClient(endpoint, load_prices(), timeout_s=5, now=lambda: NOW)
    yield client.overnight
    client.close()


def written(night: Overnight, number: int = 1) -> bytes:
    messages = [*MESSAGES[:-1], replace(MESSAGES[-1], content=f"H1 usage {number}; A3 complaint")]
    return night.write(messages, Verdict, ids=IDS, **HOW).body


def asked(night: Overnight, most: int = 3) -> str:
    """The id of a batch of so many questions."""
    file = night.upload([written(night, number) for number in range(1, most + 1)])
    return night.create(file, "a key").id


def given(line: Any, fingerprint: str, night: Overnight) -> GivenAnswer:
    return GivenAnswer(line=line, model=MODEL, fingerprint=fingerprint, asked_at=NOW, prices=night.prices)


def test_questions_go_and_answers_come_back_by_their_numbers(night: Overnight, provider: Provider) -> None:
    batch = asked(night)
    assert not night.find(batch).over
    provider.answer(batch, lambda body: answer({**VALID, "explanation": body["messages"][-1]["content"]}))
    found = night.find(batch)
    lines = night.lines(found.files, 3)
    assert found.over
    assert sorted(lines) == [1, 2, 3]
    told = {
        number: json.loads(line.text)["explanation"] for number, line in lines.items() if not isinstance(line, Fault)
    }
    assert told == {number: f"H1 usage {number}; A3 complaint" for number in (1, 2, 3)}
    for file in (provider.batches[batch]["input_file_id"], *found.files):
        night.delete(file)
    assert provider.files == {}


def test_a_question_is_the_one_that_is_asked_at_once(night: Overnight, server: FakeServer, provider: Provider) -> None:
    del provider
    server.script(answer(VALID))
    endpoint = Endpoint(base_url=server.url, api_key="sk-test", model=MODEL)
    client = LlmClient(endpoint, load_prices(), timeout_s=5, now=lambda: NOW)
    client.complete(MESSAGES, Verdict, operation="test-call", ids=IDS, **HOW)
    client.close()
    body = json.loads(night.write(MESSAGES, Verdict, ids=IDS, **HOW).body)
    assert body == server.requests[0].body


def test_what_is_no_answer_has_a_name(night: Overnight, provider: Provider) -> None:
    batch = asked(night, 5)
    provider.answer(batch, lambda _body: answer(VALID), without={2}, errors={3: 400, 4: 500})
    assert {key: getattr(line, "fault", line) for key, line in night.lines(night.find(batch).files, 5).items()} == {
        1: None,
        3: Fault.BAD_REQUEST,
        4: Fault.SERVER_ERROR,
        5: None,
    }


LINE = {"custom_id": "1", "response": {"status_code": 200, "body": {}}}
STRANGE: list[tuple[list[Any], dict[int, Fault]]] = [
    (["no JSON", 7, {}, {"custom_id": "x"}], {}),
    ([{**LINE, "custom_id": "9"}, {**LINE, "custom_id": "0"}], {}),
    ([LINE], {1: Fault.NO_CHOICES}),
    ([{"custom_id": "1"}], {1: Fault.INVALID_BODY}),
    ([LINE, LINE], {1: Fault.INVALID_BODY}),
    ([{"custom_id": "1", "error": {"code": "batch_expired", "message": "late"}}], {1: Fault.SERVER_ERROR}),
]


@pytest.mark.parametrize(("lines", "expected"), STRANGE)
def test_strange_lines(night: Overnight, provider: Provider, lines: list[Any], expected: dict[int, Fault]) -> None:
    file = provider.put(b"\n".join(json.dumps(line).encode() for line in lines))
    assert night.lines([file], 5) == expected


def test_a_file_that_is_far_too_large_is_not_read(
    night: Overnight, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 100)
    file = provider.put(b"x" * 201)
    assert night.lines([file], 2) == {1: Fault.TOO_LARGE, 2: Fault.TOO_LARGE}


def test_what_a_day_of_answers_holds_is_read(night: Overnight, provider: Provider) -> None:
    """More than one answer at once may weigh."""
    line = json.dumps({"custom_id": "1", "response": {"status_code": 200, "body": {}}, "padding": "x" * 1_500_000})
    assert night.lines([provider.put(line.encode())], 20) == {1: Fault.NO_CHOICES}


WAYS: list[tuple[str, Callable[[Overnight], Any]]] = [
    ("POST /files", lambda night: night.upload([b"{}"])),
    ("POST /batches", lambda night: night.create("file-1", "a key")),
    ("GET /batches", lambda night: night.find("batch-1")),
    ("GET /batches", lambda night: night.find_key("a key", SINCE)),
    ("POST /batches", lambda night: night.cancel("batch-1")),
    ("GET /files", lambda night: night.lines(["file-1"], 1)),
    ("DELETE /files", lambda night: night.delete("file-1")),
]
REFUSED = [error(status) for status in (400, 404, 405, 501)] + [error(429, "insufficient_quota")]
AWAY = [error(429), error(500), error(503)]


@pytest.mark.parametrize(("call", "way"), WAYS)
def test_refused_is_not_away(night: Overnight, provider: Provider, call: str, way: Callable[[Overnight], Any]) -> None:
    for failures, kind in ((REFUSED, ProviderRefuses), (AWAY, ProviderAway)):
        for failure in failures:
            provider.failing = {call: [failure]}
            with pytest.raises((ProviderAway, ProviderRefuses)) as failed:
                way(night)
            assert isinstance(failed.value, kind), failure


def test_a_key_that_is_refused_makes_place_for_the_next(night: Overnight, provider: Provider) -> None:
    provider.failing = {"POST /files": [error(401)]}
    asked(night)
    assert provider.keys == ["sk-test", "sk-next", "sk-next"]
    provider.failing = {"GET /batches": [error(401)]}
    with pytest.raises(ProviderRefuses):
        night.find("batch-1")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]"])
def test_something_else_that_answers_is_as_if_nobody_did(night: Overnight, provider: Provider, body: bytes) -> None:
    whole = replace(error(200), body=body)
    for call, way in WAYS[:4]:
        provider.failing = {call: [whole]}
        with pytest.raises(ProviderAway):
            way(night)


def test_a_batch_is_found_by_our_key_on_any_page(night: Overnight, provider: Provider) -> None:
    file = night.upload([written(night)])
    mine = night.create(file, "mine").id
    for number in range(4):
        night.create(file, f"other {number}")
    found = night.find_key("mine", SINCE)
    assert found is not None
    assert found.id == mine
    before = len(provider.calls)
    assert night.find_key("nobody's", SINCE) is None
    assert len(provider.calls) - before == 3
    assert night.find_key("nobody's", SINCE + timedelta(days=2)) is None  # those of long before are not looked through
    assert len(provider.calls) - before == 4


def test_half_the_price_and_no_time(night: Overnight, server: FakeServer, provider: Provider) -> None:
    del server, provider
    prices = load_prices()
    usage = TokenUsage(prompt=800, completion=120, cached=512)
    line = read_reply(answer(VALID).body)
    question = night.write(MESSAGES, Verdict, ids=IDS, **HOW)
    done = given(line, question.fingerprint, night).complete(
        MESSAGES, Verdict, operation="churn-prediction", ids=IDS, check=grounded, **HOW
    )
    assert (done.value, done.model, done.latency_ms) == (Verdict.model_validate(VALID), SNAPSHOT, None)
    full = prices.cost(MODEL, usage)
    assert full is not None
    assert done.cost == full / 2
    assert done.attempts[0].latency_ms is None
    assert (done.attempts[0].created_at, done.attempts[0].price_version) == (NOW, prices.version)
    assert question.expected is not None
    assert done.cost < question.expected < full * 10


UNUSABLE: list[tuple[Any, str]] = [
    (answer("no"), Fault.INVALID_JSON),
    (answer({**VALID, "evidence": ["Z9"]}), Fault.UNGROUNDED),
    (answer({**VALID, "probability": 7}), Fault.SCHEMA),
    (answer(None, refusal="No."), Fault.REFUSED),
    (answer("{", finish="length"), Fault.TRUNCATED),
]


@pytest.mark.parametrize(("came", "reason"), UNUSABLE)
def test_an_answer_that_cannot_be_used_was_paid_all_the_same(night: Overnight, came: Any, reason: str) -> None:
    question = night.write(MESSAGES, Verdict, ids=IDS, **HOW)
    line = read_reply(came.body)
    with pytest.raises(EngineUnavailable) as failed:
        given(line, question.fingerprint, night).complete(
            MESSAGES, Verdict, operation="churn-prediction", ids=IDS, check=grounded, **HOW
        )
    attempt = failed.value.attempts[0]
    assert (failed.value.reason, attempt.error_type, attempt.success) == (reason, reason, False)
    assert (attempt.usage.total, attempt.cost) == (920, Decimal("0.0001792"))
    assert failed.value.retry_after == timedelta(0)


CHANGED: list[dict[str, Any]] = [
    {"messages": [*MESSAGES, MESSAGES[0]]},
    {"ids": ("H1",)},
    {"max_tokens": 301},
    {"temperature": 0.2},
]


@pytest.mark.parametrize("changed", CHANGED)
def test_an_answer_to_another_question_is_paid_and_not_used(night: Overnight, changed: dict[str, Any]) -> None:
    asked_for = {"messages": MESSAGES, "ids": IDS, **HOW}
    messages = asked_for.pop("messages")
    fingerprint = night.write(messages, Verdict, **asked_for).fingerprint
    now = {"messages": MESSAGES, "ids": IDS, **HOW, **changed}
    line = read_reply(answer(VALID).body)
    with pytest.raises(EngineUnavailable) as failed:
        given(line, fingerprint, night).complete(
            now.pop("messages"), Verdict, operation="churn-prediction", check=grounded, **now
        )
    attempt = failed.value.attempts[0]
    assert (failed.value.reason, attempt.success, attempt.usage.total) == ("stale", True, 920)


def test_the_same_question_is_known_whatever_an_endpoint_takes(night: Overnight, server: FakeServer) -> None:
    """Each process finds out for itself what the endpoint takes."""
    server.script(error(400, param="temperature"), answer(VALID))
    endpoint = Endpoint(base_url=server.url, api_key="sk-test", model=MODEL)
    client = LlmClient(endpoint, load_prices(), timeout_s=5, now=lambda: NOW)
    client.complete(MESSAGES, Verdict, operation="test-call", ids=IDS)
    one, other = (each.write(MESSAGES, Verdict, ids=IDS, **HOW) for each in (client.overnight, night))
    client.close()
    assert one.body != other.body
    assert one.fingerprint == other.fingerprint
