"""What may be cited stands in the form itself where servers enforce forms; the validation holds all the same."""

from typing import Any

import pytest

from cs_ml.domain.llm.usage import Fault
from cs_ml.llm.answers import ChurnAnswer
from cs_ml.llm.request import Features, Message, Request
from cs_ml.llm.schema import MAX_IDS_NAMED, FactId, naming_ids, response_format
from cs_ml.llm.transport import Endpoint
from cs_ml.services.llm.trial import TrialAnswer
from tests.engines.llm.hostile import VALID, engine_at, question
from tests.llm.server import FakeServer, answer, error

IDS = {"H1", "A3", "M12"}
FORM = response_format(ChurnAnswer)


def citable(body: dict[str, Any]) -> dict[str, Any]:
    """What the form of a request says of an id."""
    found: dict[str, Any] = body["response_format"]["json_schema"]["schema"]["$defs"][FactId.__name__]
    return found


def request() -> Request:
    return Request(messages=(Message(role="user", content="?"),), form=FORM, max_tokens=9, temperature=0, ids=IDS)


def test_the_ids_take_the_place_of_any_text() -> None:
    before = response_format(ChurnAnswer)["json_schema"]["schema"]["$defs"]
    named = naming_ids(FORM, IDS)["json_schema"]["schema"]
    assert named["$defs"].pop(FactId.__name__) == {"type": "string", "enum": ["A3", "H1", "M12"]}
    assert named["$defs"]["Factor"]["properties"]["evidence"]["items"] == {"$ref": f"#/$defs/{FactId.__name__}"}
    assert before[FactId.__name__] == {"maxLength": 6, "minLength": 2, "type": "string"}


def test_a_form_is_left_alone_where_nothing_can_be_cited_or_too_much() -> None:
    trial = response_format(TrialAnswer)
    assert naming_ids(trial, IDS) is trial
    assert naming_ids(FORM, ()) is FORM
    assert naming_ids(FORM, [f"H{number}" for number in range(MAX_IDS_NAMED + 1)]) is FORM


def test_each_question_names_its_own(server: FakeServer) -> None:
    server.script(error(400, "context_length_exceeded"), answer(VALID))
    with engine_at(server.url) as asked:
        asked.assess()
    first, second = (citable(dict(received.body))["enum"] for received in server.requests)
    assert first == sorted(question().facts.ids)
    assert set(second) < set(first)


def test_where_each_form_is_compiled_only_a_repair_names_them() -> None:
    features = Features(names_ids=False)
    assert features.body(request())["response_format"] is FORM
    assert citable(features.body(request().with_complaint("{}", "No.")))["enum"] == sorted(IDS)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://acme.openai.azure.com/openai/v1", True),
        ("https://openai.com.example.org/v1", False),
        ("http://127.0.0.1:8085/v1", False),
    ],
)
def test_who_compiles_forms(url: str, kept: bool) -> None:
    assert Endpoint(base_url=url, api_key="k", model="m").keeps_forms is kept


def test_a_server_that_enforces_nothing_is_still_held_to_it(server: FakeServer) -> None:
    cited = [{**factor, "evidence": ["Z9"]} for factor in VALID["factors"]]
    server.script(answer({**VALID, "factors": cited}), answer(VALID))
    with engine_at(server.url) as asked:
        assert [attempt.error_type for attempt in asked.assess().attempts] == [Fault.UNGROUNDED, None]
