"""What comes next on the Account page, in a language model's words once somebody asks for them."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Actor
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from cs_ml.ui.state import Key
from tests.llm.server import Canned, FakeServer, answer, error, running_server
from tests.support.apps import App
from tests.support.factories import NOW, add_account, add_activity, add_health, add_prediction, add_tenant
from tests.ui.pages.test_account import opened, shown

TAB = "What comes next"
RULES = "Health is 40 of 100 (fair)"
WORDS = {
    "summary": "[ACCOUNT_1] fell to 40; 9731 seats are unused.",
    "causes": [{"anomaly": 1, "sentence": "People *may* have left.", "evidence": ["A1"]}],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with running_server() as fake, time_machine.travel(NOW, tick=True):
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        yield fake
    assert fake.invalid == []


@pytest.fixture
def actor(server: FakeServer, app: App, database: Database) -> Actor:
    """A signed-in owner of a tenant that asks `server`."""
    assert runtime.services().settings.openai_base_url == server.url
    made = add_tenant(database, "acme")
    app.sign_in(made)
    return made


@pytest.fixture
def account(database: Database, actor: Actor) -> int:
    """Its health fell within a week, and its prediction is stored."""
    account = add_account(database, actor, name="Fenbrook")
    for week, score in enumerate([40, 41, *[70] * 30]):
        add_health(database, actor, account, calculated_at=NOW - timedelta(weeks=week), overall_score=score)
    add_activity(database, actor, account, completed_at=NOW - timedelta(days=3))
    add_prediction(database, actor, account)
    return account


def ahead(app: App, account: int) -> AppTest:
    test = opened(app, account=str(account))
    test.session_state[Key.HEALTH_TAB] = TAB
    return test.run()


def refreshed(test: AppTest) -> str:
    return shown(test.button(key=Key.HEALTH_REFRESH).click().run())


def asked_for_words(body: Mapping[str, Any]) -> Canned:
    assert body["response_format"]["json_schema"]["name"] == "HealthAnswer"
    return answer(WORDS)


def test_looking_shows_the_rule_text_and_a_refresh_the_models_words(app: App, server: FakeServer, account: int) -> None:
    server.answer_by(asked_for_words)
    test = ahead(app, account)
    assert RULES in shown(test)
    assert server.requests == []
    words = refreshed(test)
    assert "Fenbrook fell to 40; 9731 seats are unused." in words
    assert RULES not in words
    assert "Words by the language model" in words
    assert "Not found in the data: 9731." in words
    assert "Possibly: People *may* have left." in words
    assert "A1" in words
    assert len(server.requests) == 1
    assert "Fenbrook" not in json.dumps(server.requests[0].body)


def test_without_words_the_rule_text_stands_with_the_reason(app: App, server: FakeServer, account: int) -> None:
    server.script(error(401))
    words = refreshed(ahead(app, account))
    assert RULES in words
    assert "The language model gave no words this time, so the rule text stands." in words
    assert "refused the key" in words


def test_beyond_the_days_limit_the_outlook_from_before_stays(
    app: App, server: FakeServer, account: int, database: Database, actor: Actor
) -> None:
    TenantSettingsService(database, lambda: NOW).set(actor, "limit_predictions_per_day", "0")
    words = refreshed(ahead(app, account))
    assert "The outlook below is the one from before." in words
    assert RULES in words
    assert server.requests == []
