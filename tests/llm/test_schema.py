"""Reading answers and bodies: whatever comes, it ends in a value or in a named fault."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.domain.llm.usage import Fault
from cs_ml.llm.faults import CallFailed
from cs_ml.llm.replies import MAX_TOKENS_TOLD, Reply, read_reply
from cs_ml.llm.schema import AnswerRejected, read_answer
from tests.llm.asking import VALID, Verdict
from tests.llm.server import answer

T = TypeVar("T")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries(
    {
        "probability": JSON | st.floats(0, 1),
        "evidence": JSON | st.lists(st.sampled_from(["H1", "A3"])),
        "explanation": JSON | st.text(),
    }
)


def outcome(read: Callable[[], T]) -> T | Fault:
    """What is read, or the fault that it is rejected with; any other error is one of ours."""
    try:
        return read()
    except (AnswerRejected, CallFailed) as error:
        return error.fault


@given(st.text() | FIELDS.map(json.dumps) | JSON.map(json.dumps))
def test_any_text_is_an_exact_answer_or_rejected(text: str) -> None:
    found = outcome(lambda: read_answer(text, Verdict))
    if isinstance(found, Fault):
        assert found in {Fault.INVALID_JSON, Fault.SCHEMA}
    else:
        sent = json.loads(text)
        assert found.model_dump() == sent
        assert type(sent["probability"]) in {int, float}
        assert 0 <= sent["probability"] <= 1


@given(st.text(), st.text(alphabet="abc .\n`"))
def test_text_around_the_object_changes_nothing(explanation: str, around: str) -> None:
    value = {**VALID, "explanation": explanation[:400].replace("\0", "")}
    assert read_answer(f"{around}{json.dumps(value)}{around}", Verdict).model_dump() == value


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_a_reply_or_a_fault(body: bytes) -> None:
    assert isinstance(outcome(lambda: read_reply(body)), Reply | Fault)


@given(JSON, JSON)
def test_any_usage_and_finish_are_survived(usage: Any, finish: Any) -> None:
    sent = answer(VALID, finish=finish, usage={"prompt_tokens": usage, "completion_tokens": 5})
    reply = outcome(lambda: read_reply(sent.body))
    if isinstance(reply, Fault):
        assert reply is Fault.INVALID_BODY
    else:
        assert reply.usage is None or 0 <= reply.usage.prompt <= MAX_TOKENS_TOLD


@pytest.mark.parametrize("text", ["{" * 60_000, '{"a":' * 12_000, '{"' * 30_000, "[" * 60_000, '{"a": ' + "9" * 60_000])
def test_hostile_texts_are_rejected_at_once(text: str) -> None:
    with pytest.raises(AnswerRejected) as rejected:
        read_answer(text, Verdict)
    assert rejected.value.fault is Fault.INVALID_JSON
    assert len(rejected.value.detail) < 500


def test_the_complaint_names_places_and_no_values() -> None:
    with pytest.raises(AnswerRejected) as rejected:
        read_answer(json.dumps({**VALID, "probability": "Jane Doe", "secret": 1}), Verdict)
    assert "probability: " in rejected.value.detail
    assert "secret: " in rejected.value.detail
    assert "Jane" not in rejected.value.detail
