"""What a completion does between the question and the validated answer."""

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cs_ml.domain.llm.usage import Fault, TokenUsage
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.request import Message
from cs_ml.llm.schema import response_format
from cs_ml.llm.transport import Endpoint
from tests.llm.asking import MESSAGES, MODEL, NOW, VALID, Verdict, asking
from tests.llm.server import SNAPSHOT, Canned, FakeServer, answer, error

GOOD = answer(VALID)


def test_an_answer_and_its_books(server: FakeServer) -> None:
    server.script(GOOD)
    with asking(server.url) as asker:
        completion = asker.ask()
    cost = Decimal(800 - 512) * Decimal("0.4") + 512 * Decimal("0.1") + 120 * Decimal("1.6")
    assert completion.value == Verdict.model_validate(VALID)
    assert completion.usage == TokenUsage(prompt=800, completion=120, cached=512)
    assert (completion.model, completion.cost) == (SNAPSHOT, cost / 1_000_000)
    (attempt,) = completion.attempts
    assert attempt.success
    assert attempt.error_type is None
    assert attempt.created_at == NOW
    assert attempt.latency_ms is not None
    assert completion.latency_ms is not None
    assert 0 <= attempt.latency_ms <= min(completion.latency_ms, 1000)


def test_what_is_sent(server: FakeServer) -> None:
    server.script(GOOD)
    with asking(server.url) as asker:
        asker.ask(max_tokens=700, temperature=0.3)
    (received,) = server.requests
    assert received.body == {
        "model": MODEL,
        "messages": [{"role": message.role, "content": message.content} for message in MESSAGES],
        "response_format": response_format(Verdict),
        "max_completion_tokens": 700,
        "temperature": 0.3,
    }
    assert received.headers["authorization"] == "Bearer sk-test"
    assert received.headers["accept-encoding"] == "identity"


def test_the_form_is_strict_and_made_once() -> None:
    form = response_format(Verdict)
    schema = form["json_schema"]["schema"]
    assert form is response_format(Verdict)
    assert form["json_schema"]["strict"] is True
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["probability", "evidence", "explanation"]
    assert (schema["properties"]["probability"]["minimum"], schema["properties"]["probability"]["maximum"]) == (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "```json\n{}\n```",
        "Here is the answer you want:\n\n{}\n\nShall I {{explain}} it?",
        "As {{asked}}: {}",
        '<think>Perhaps {{"probability": 1}}?</think>{}',
    ],
)
def test_an_object_inside_other_text_needs_no_second_call(server: FakeServer, text: str) -> None:
    server.script(answer(text.format(json.dumps(VALID))))
    with asking(server.url) as asker:
        assert asker.ask().value.probability == VALID["probability"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": "many"}, {"prompt_tokens": -1, "completion_tokens": 10**12}])
def test_missing_usage_is_estimated_and_marked(server: FakeServer, usage: Mapping[str, Any] | None) -> None:
    server.script(answer(VALID, usage=usage))
    with asking(server.url) as asker:
        used = asker.ask([Message(role="user", content="a" * 3000)]).usage
    assert used.estimated
    assert used.cached is None
    assert 1000 < used.prompt < 1400
    assert 20 < used.completion < 60


def test_an_unknown_model_has_unknown_cost(server: FakeServer) -> None:
    own = replace(GOOD, body=GOOD.body.replace(SNAPSHOT.encode(), b"own-model"))
    server.script(error(500), own)
    with asking(server.url, model="own-model") as asker:
        completion = asker.ask()
        assert asker.client.expected_cost(MESSAGES, Verdict) is None
    assert completion.cost is None
    assert [attempt.cost for attempt in completion.attempts] == [Decimal(0), None]


@pytest.mark.parametrize("first", [answer("no"), answer(VALID, finish="length")], ids=["repair", "more room"])
def test_the_cost_to_reserve_exceeds_that_of_a_call_and_its_change(server: FakeServer, first: Canned) -> None:
    server.script(first, GOOD)
    with asking(server.url) as asker:
        messages = [Message(role="user", content="word " * 800)]
        expected = asker.client.expected_cost(messages, Verdict, max_tokens=120)
        cost = asker.ask(messages, max_tokens=120).cost
        assert cost is not None
        assert expected is not None
        assert cost < expected < 4 * cost


REPAIRED = [
    ("no JSON at all", Fault.INVALID_JSON, "not one JSON object"),
    (json.dumps({**VALID, "probability": "85%"}), Fault.SCHEMA, "probability: Input should be a valid number"),
    (json.dumps({**VALID, "evidence": ["X9"]}), Fault.UNGROUNDED, "use H1, A3"),
]


@pytest.mark.parametrize(("text", "fault", "complaint"), REPAIRED)
def test_the_model_is_told_what_was_wrong_and_repairs_it(
    server: FakeServer, text: str, fault: Fault, complaint: str
) -> None:
    server.script(answer(text), GOOD)
    with asking(server.url) as asker:
        completion = asker.ask()
    first, second = (received.body["messages"] for received in server.requests)
    assert second[:2] == first
    assert second[2] == {"role": "assistant", "content": text}
    assert complaint in second[3]["content"]
    assert [attempt.error_type for attempt in completion.attempts] == [fault, None]
    assert completion.usage == TokenUsage(prompt=1600, completion=240, cached=1024)


def test_one_repair_is_shared_by_all_that_can_be_wrong(server: FakeServer) -> None:
    server.script(answer("no JSON"), answer({**VALID, "probability": 7}), GOOD)
    with asking(server.url) as asker:
        failed = asker.fail()
    assert failed.reason == Fault.SCHEMA
    assert [attempt.error_type for attempt in failed.attempts] == [Fault.INVALID_JSON, Fault.SCHEMA]
    assert all(attempt.usage.prompt == 800 and attempt.cost for attempt in failed.attempts)


def test_a_cut_answer_is_asked_for_with_twice_the_room(server: FakeServer) -> None:
    server.script(answer("{", finish="length"), GOOD)
    with asking(server.url) as asker:
        asker.ask(max_tokens=500)
    assert [received.body["max_completion_tokens"] for received in server.requests] == [500, 1000]
    assert server.requests[1].body["messages"] == server.requests[0].body["messages"]


def test_a_prompt_that_is_too_long_is_sent_shorter_once(server: FakeServer) -> None:
    brief = [Message(role="user", content="H1")], {"H1"}
    server.script(error(400, "context_length_exceeded"), GOOD)
    with asking(server.url) as asker:
        asker.ask(shorter=lambda: brief)
    assert server.requests[1].body["messages"] == [{"role": "user", "content": "H1"}]
    server.script(error(413))
    with asking(server.url) as asker:
        assert [attempt.error_type for attempt in asker.fail(shorter=lambda: brief).attempts] == [
            Fault.CONTEXT_LENGTH
        ] * 2


def test_fifty_calls_at_once(server: FakeServer) -> None:
    server.script(answer(VALID, delay_s=0.3))
    values = []
    with asking(server.url, timeout_s=20) as asker:
        threads = [threading.Thread(target=lambda: values.append(asker.ask().value)) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(values) == 50
    assert len(server.requests) == 50


def test_no_log_and_no_error_holds_a_key_or_a_text_of_the_server(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "cs_ml")
    server.script(error(401, "invalid_api_key", message="Incorrect API key provided: sk-test"))
    with asking(server.url) as asker:
        failed = asker.fail()
    assert "key_refused" in caplog.text
    endpoint = Endpoint(base_url=server.url, api_key="sk-test", model=MODEL)
    for text in (caplog.text, str(failed), repr(failed), repr(endpoint)):
        assert "sk-test" not in text


def test_a_fault_of_the_caller_is_not_swallowed_and_frees_the_breaker(server: FakeServer) -> None:
    def broken(_verdict: Verdict) -> None:
        raise ZeroDivisionError

    server.script(GOOD)
    with asking(server.url) as asker:
        with pytest.raises(ZeroDivisionError):
            asker.client.complete(MESSAGES, Verdict, operation="churn-prediction", check=broken)
        assert asker.ask().attempts


def test_closing_twice_and_without_a_call_is_fine() -> None:
    endpoint = Endpoint(base_url="http://127.0.0.1:9/v1", api_key="k", model=MODEL)
    client = LlmClient(endpoint, load_prices(), timeout_s=1, now=lambda: NOW)
    client.close()
    client.close()


def test_requests_reuse_their_connection(server: FakeServer) -> None:
    server.script(GOOD)
    with asking(server.url) as asker:
        for _ in range(5):
            asker.ask()
    assert server.connections == 1
