"""What models and customers write is shown as it is on the Account page, and never read as Markdown."""

from dataclasses import replace

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.predictions import EngineName, Provenance
from cs_ml.engines.base import Answer, Engine
from cs_ml.services.llm.chain import EngineChain
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from tests.services.predictions.predicting import RULES, ScriptedEngine, unavailable
from tests.support.apps import App
from tests.support.factories import add_account, add_activity, add_cta, add_tenant
from tests.ui.pages.test_account import opened, shown

IMAGE = "![x](http://elsewhere.example/x.png)"
# Whatever Streamlit reads as Markdown; text, tables and metric values are read as they are.
MARKDOWN = ("title", "header", "markdown", "caption", "info", "warning", "error", "expander", "button", "tab")


class HostileEngine:
    """Answers as the rules do, with an image in every text."""

    name: EngineName = "llm"
    version = "hostile"

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        found = RULES.assess(context, reference, window_days).assessment
        factors = [
            replace(factor, factor=IMAGE, description=IMAGE, current_value=IMAGE, threshold=IMAGE, evidence=("M1",))
            for factor in found.factors
        ]
        advice = [
            replace(one, action=IMAGE, rationale=IMAGE, expected_impact=IMAGE, timeframe=IMAGE)
            for one in found.recommendations
        ]
        assessment = replace(
            found,
            base=None,
            explanation=IMAGE,
            unmatched_numbers=("77",),
            factors=factors,
            protective=factors,
            recommendations=advice,
            evidence=[replace(fact, text=IMAGE) for fact in found.evidence],
        )
        return Answer(assessment=assessment, provenance=Provenance(engine=self.name, version=self.version))


@pytest.fixture
def actor(app: App, database: Database) -> Actor:
    made = add_tenant(database, "acme")
    app.sign_in(made)
    return made


@pytest.fixture
def account(database: Database, actor: Actor) -> int:
    """An account of which every text is an image."""
    account_id = add_account(database, actor, name=IMAGE, industry=IMAGE, custom_fields={IMAGE: IMAGE})
    add_activity(database, actor, account_id, subject=IMAGE)
    add_cta(database, actor, account_id, title=IMAGE)
    return account_id


def use(monkeypatch: pytest.MonkeyPatch, *engines: Engine) -> None:
    monkeypatch.setattr(runtime.services().predictions, "_engines", EngineChain(engines))


def test_no_text_of_a_model_or_customer_is_markdown(app: App, account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.services()
    use(monkeypatch, HostileEngine())
    test = opened(app, account=str(account))
    assert IMAGE in shown(test)  # as plain text
    assert "Not found in the data: 77." in shown(test)
    read = [
        str(getattr(element, "value", "") or "") + str(getattr(element, "label", "") or "")
        for kind in MARKDOWN
        for element in test.get(kind)
    ]
    assert any("elsewhere" in words for words in read)
    assert not [words for words in read if "![" in words or "](" in words or "://elsewhere" in words]


def test_a_fallback_is_named_with_its_reason(app: App, account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, ScriptedEngine(failure=unavailable()), RULES)
    words = shown(opened(app, account=str(account))).replace("\\", "")
    assert "The usual method could not answer, so the scorecard did. The model took too long." in words


def test_no_engine_at_all_leaves_the_rest_of_the_page(app: App, account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, ScriptedEngine(failure=unavailable()))
    words = shown(opened(app, account=str(account)))
    assert "The rest of this page is as it should be." in words
    assert "Customer since" in words
    assert "What raises the risk" not in words
