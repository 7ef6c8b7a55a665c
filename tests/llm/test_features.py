"""Servers that take less than the best: what they refuse is left out, and the form enforced all the same."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from cs_ml.domain.llm.usage import Fault
from tests.llm.asking import VALID, asking
from tests.llm.server import Canned, FakeServer, answer, error

GOOD = answer(VALID)


class Choosy:
    """A server that refuses parameters, in the words of real ones."""

    def __init__(self, *refused: tuple[str, Canned]) -> None:
        self.refused = refused

    def __call__(self, body: Mapping[str, Any]) -> Canned:
        flat = {**body, body.get("response_format", {}).get("type", ""): True}
        return next((canned for name, canned in self.refused if name in flat), GOOD)


NEW_MODEL = Choosy(
    ("temperature", error(400, "unsupported_value", param="temperature", message="Only the default (1) is supported.")),
)
OLD_SERVER = Choosy(
    ("max_completion_tokens", Canned(status=422, body=b'{"detail":[{"loc":["body","max_completion_tokens"]}]}')),
    ("json_schema", error(500, message="Unsupported response_format type: json_schema")),
)
OLDEST_SERVER = Choosy(("response_format", error(400, message="unknown field response_format")))


@pytest.mark.parametrize(
    ("server_kind", "absent", "present", "refusals"),
    [
        (NEW_MODEL, "temperature", "max_completion_tokens", 1),
        (OLD_SERVER, "max_completion_tokens", "max_tokens", 2),
        (OLDEST_SERVER, "response_format", "temperature", 2),
    ],
)
def test_what_an_endpoint_refuses_is_left_out_and_remembered(
    server: FakeServer, server_kind: Choosy, absent: str, present: str, refusals: int
) -> None:
    server.answer_by(server_kind)
    with asking(server.url) as asker:
        assert [attempt.error_type for attempt in asker.ask().attempts] == [Fault.BAD_REQUEST] * refusals + [None]
        assert len(asker.ask().attempts) == 1
        assert asker.client.breaker_state().kind == "closed"
    last = server.requests[-1].body
    assert absent not in last
    assert present in last
    assert asker.slept == []


def test_without_schema_support_the_form_is_told_and_still_enforced(server: FakeServer) -> None:
    refuse = error(400, param="response_format", message="'json_schema' is not supported with this model.")
    server.script(refuse, answer({**VALID, "probability": "85%"}), GOOD)
    with asking(server.url) as asker:
        completion = asker.ask()
    faults = [attempt.error_type for attempt in completion.attempts]
    assert faults == [Fault.BAD_REQUEST, Fault.SCHEMA, None]
    sent = server.requests[-1].body
    assert sent["response_format"] == {"type": "json_object"}
    assert '"probability"' in sent["messages"][-1]["content"]
    assert sent["messages"][:2] == server.requests[0].body["messages"]


def test_threads_that_learn_at_once_step_down_once(server: FakeServer) -> None:
    server.answer_by(Choosy(("json_schema", error(400, param="response_format"))))
    with asking(server.url) as asker:
        threads = [threading.Thread(target=asker.ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asker.ask()
    assert server.requests[-1].body["response_format"] == {"type": "json_object"}
