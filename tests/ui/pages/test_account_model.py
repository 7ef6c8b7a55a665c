"""The Account page where a language model answers, or does not."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.llm.usage import FAULT_SENTENCES, Fault
from cs_ml.domain.predictions import PredictionType
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from cs_ml.ui.state import Key
from tests.llm.server import SNAPSHOT, Canned, FakeServer, answer, error, reply, running_server
from tests.support.apps import App
from tests.support.factories import NOW, add_account, add_activity, add_health, add_tenant
from tests.ui.pages.test_account import facts_of, opened, shown

NAME = "Fenbrook Freight"
TAB = "What the model is sent"


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with running_server() as fake:
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        fake.answer_by(judge(0.12))
        yield fake
    assert fake.invalid == []


@pytest.fixture
def actor(server: FakeServer, app: App, database: Database) -> Actor:
    """A signed-in owner of a tenant whose predictions ask `server`."""
    assert runtime.services().settings.openai_base_url == server.url
    made = add_tenant(database, "acme")
    app.sign_in(made)
    return made


@pytest.fixture
def account(database: Database, actor: Actor) -> int:
    account_id = add_account(database, actor, name=NAME)
    for week in range(12):
        add_health(database, actor, account_id, calculated_at=NOW - timedelta(weeks=week), overall_score=20 + 4 * week)
    add_activity(database, actor, account_id, completed_at=NOW - timedelta(days=3))
    return account_id


def judge(probability: float, *, model: str = SNAPSHOT) -> Any:
    """Answers that cite what was sent, with a number that nobody sent; test calls too."""

    def judged(body: Mapping[str, Any]) -> Canned:
        if body["response_format"]["json_schema"]["name"] == "TrialAnswer":
            return answer({"word": "ready"})
        sent = body["messages"][-1]["content"]
        factor = {
            "name": "Falling health",
            "impact": "high",
            "direction": "risk",
            "sentence": "Health fell.",
            "evidence": re.findall(r"\bH\d+\b", sent)[:2],
        }
        said = {
            "probability": probability,
            "factors": [factor],
            "explanation": "Health fell; 9731 seats are unused.",
            "recommendations": [],
        }
        message = {"role": "assistant", "content": json.dumps(said), "refusal": None}
        return reply(
            model=model,
            choices=[{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            usage={"prompt_tokens": 800, "completion_tokens": 120, "total_tokens": 920},
        )

    return judged


def said(test: AppTest) -> str:
    """Every word, as a reader sees it where a label is escaped."""
    return shown(test).replace("\\", "")


def origin(test: AppTest) -> dict[str, str]:
    """What stands under "How this was made"."""
    assert not test.exception
    (fold,) = [fold for fold in test.expander if fold.label == "How this was made"]
    return facts_of([each.value for each in fold.markdown])


def sign_in_as(app: App, actor: Actor, role: Role) -> None:
    access = runtime.services().access
    added = access.add_user(actor, "ben@example.com", role=role)
    app.sign_in(access.actor_for(added.person.id, actor.tenant_id))


def test_the_card_says_how_the_answer_was_made(app: App, actor: Actor, account: int) -> None:
    test = opened(app, account=str(account))
    stored = runtime.services().predictions.predict(actor, account)
    found = origin(test)
    assert found["Model"] == SNAPSHOT
    assert found["Prompt version"] == stored.provenance.prompt_version
    assert found["Tokens"] == "920"
    assert found["Cost"] == "0.0005 USD"
    assert found["Time taken"].endswith("seconds")
    words = shown(test)
    assert "LLM on" in words
    assert "Not found in the data: 9731." in words


def test_an_unknown_cost_is_said_so(
    app: App, database: Database, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CS_ML_LLM_MODEL", "own-model")
    server.answer_by(judge(0.12, model="own-model"))
    actor = add_tenant(database)
    app.sign_in(actor)
    account = add_account(database, actor)
    add_health(database, actor, account)
    assert origin(opened(app, account=str(account)))["Cost"] == "not known"


@pytest.mark.parametrize(("status", "fault"), [(401, Fault.KEY_REFUSED), (404, Fault.MODEL_NOT_FOUND)])
def test_a_fallback_is_told_in_words_and_the_strip_says_paused(
    app: App, server: FakeServer, account: int, status: int, fault: Fault
) -> None:
    server.script(error(status))
    test = opened(app, account=str(account))
    words = said(test)
    assert f"so the scorecard did. {FAULT_SENTENCES[fault]}" in words
    assert "How this was made" not in words
    assert f"LLM paused: {FAULT_SENTENCES[fault].split('. ')[0]}" in said(test.run())


def test_the_earlier_answer_stands_where_a_refresh_fails(app: App, server: FakeServer, account: int) -> None:
    test = opened(app, account=str(account))
    server.script(error(403))
    words = said(test.button(key=Key.REFRESH).click().run())
    assert f"the earlier one of the language model stands. {FAULT_SENTENCES[Fault.PERMISSION]}" in words


@pytest.mark.parametrize(("chance", "review"), [(0.30, False), (0.97, True)])
def test_the_scorecard_stands_beside_the_model_on_demand(
    app: App, server: FakeServer, account: int, chance: float, review: bool
) -> None:
    server.answer_by(judge(chance))
    test = opened(app, account=str(account))
    assert "The scorecard says" not in shown(test)
    test.toggle(key=Key.COMPARE).set_value(True).run()
    words = shown(test)
    found = runtime.sessions().resolve(app.token or "")
    assert found is not None
    predictions, actor = runtime.services().predictions, found.actor
    (stored,) = predictions.list(actor, account, PredictionType.CHURN)
    scorecard = predictions.second_opinion(actor, stored)
    assert scorecard.provenance.engine == "rules"
    assert scorecard.as_of == stored.as_of
    percents = round(scorecard.probability * 100), round(chance * 100)
    apart = abs(percents[0] - percents[1])
    assert f"The scorecard says {percents[0]} %, the model {percents[1]} %: {apart} point" in words
    assert (apart > 50) is review
    assert ("review this account" in words) is review
    assert len(predictions.list(actor, account, PredictionType.CHURN)) == 1
    assert len(server.requests) == 1


def test_a_viewer_compares_nothing_and_sees_no_prompt(app: App, actor: Actor, account: int) -> None:
    runtime.services().predictions.predict(actor, account)
    sign_in_as(app, actor, Role.VIEWER)
    test = opened(app, account=str(account))
    assert "Language model" in shown(test)
    assert list(test.toggle) == []
    assert TAB not in [tab.label for tab in test.tabs]


def test_administrators_see_what_is_sent_without_the_name(app: App, actor: Actor, account: int) -> None:
    test = opened(app, account=str(account))
    assert TAB in [tab.label for tab in test.tabs]
    assert list(test.code) == []
    test.toggle(key=Key.SENT).set_value(True).run()
    preview = runtime.services().prompts.preview(actor, account)
    assert [code.value for code in test.code] == [message.content for message in preview.messages]
    assert not [code for code in test.code if "Fenbrook" in code.value]
    assert "Hidden behind placeholders: account (1)" in shown(test)


def test_a_look_back_shows_no_prompt_of_today(app: App, account: int) -> None:
    day = (NOW - timedelta(days=20)).date()
    assert runtime.services().llm
    assert TAB not in [tab.label for tab in opened(app, account=str(account), as_of=day.isoformat()).tabs]


def test_the_test_call_says_whether_the_model_works(app: App, server: FakeServer, account: int) -> None:
    test = opened(app, account=str(account))
    test.button(key=Key.TEST_CALL).click().run()
    (success,) = test.success
    assert f"The model works: {SNAPSHOT} answered in" in success.value.replace("\\", "")
    server.script(error(401))
    for _ in range(2):  # the second one is not sent any more, and for the same reason
        test.button(key=Key.TEST_CALL).click().run()
        assert not test.success
        words = said(test)
        assert "refused the key" in words
        assert "It is tried again after a restart with other settings." in words
    assert len(server.requests) == 3
