"""Changing the key of the model's server without a pause."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cs_ml.domain.errors import EngineUnavailable, Invalid
from cs_ml.domain.llm.usage import Fault
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.transport import Endpoint
from tests.llm.asking import MESSAGES, MODEL, VALID, Asker
from tests.llm.server import FakeServer, answer, error, running_server

OLD, NEW = "sk-old-and-revoked", "sk-new-and-good"


def asker(url: str, fallback: str | None) -> Asker:
    endpoint = Endpoint(base_url=url, api_key=OLD, model=MODEL, fallback_key=fallback)
    return Asker(LlmClient(endpoint, load_prices(), timeout_s=5, now=lambda: datetime.now(UTC)))


def sent(server: FakeServer) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]


def test_a_refused_key_is_followed_by_the_fallback_for_good(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(error(401), answer(VALID), answer(VALID))
    asking = asker(server.url, NEW)
    with caplog.at_level(logging.WARNING, "cs_ml"):
        for _ in range(2):
            assert asking.ask(MESSAGES).value.probability == VALID["probability"]
    assert sent(server) == [OLD, NEW, NEW]
    assert asking.client.breaker_state().kind == "closed"
    assert "fallback key" in caplog.text
    assert not any(key in caplog.text for key in (OLD, NEW))
    asking.client.close()


def test_two_refused_keys_are_a_refusal(server: FakeServer) -> None:
    server.script(error(401))
    asking = asker(server.url, NEW)
    with pytest.raises(EngineUnavailable) as failed:
        asking.ask(MESSAGES)
    assert failed.value.reason == Fault.KEY_REFUSED
    assert sent(server) == [OLD, NEW]
    assert asking.client.breaker_state().kind == "open"
    asking.client.close()


def test_a_key_that_cannot_be_sent_is_refused_with_its_name() -> None:
    with pytest.raises(Invalid, match="OPENAI_API_KEY_FALLBACK"):
        Endpoint(base_url="https://models.example.com/v1", api_key=OLD, model=MODEL, fallback_key="with a space")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with running_server() as fake:
        yield fake
    assert fake.invalid == []
