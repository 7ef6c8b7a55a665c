"""Predictions whose model answers or fails: what is stored, what is booked, and what people are told."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.domain.llm.usage import Fault
from cs_ml.domain.policy import FALLBACK_CONFIDENCE_CAP
from cs_ml.engines.question import churn_prompt
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.llm.prompts import PromptService
from cs_ml.store.database import Database
from tests.llm.server import FakeServer, answer, error
from tests.services.llm.faulty import CHURN, FAULTS, GOOD, REFUSAL
from tests.services.llm.modelled import events, modelled
from tests.services.predictions.predicting import TestClock, claims, stored
from tests.support.factories import NOW, add_account, add_activity, add_tenant


def new_account(database: Database) -> tuple[Actor, int]:
    actor = add_tenant(database)
    account = add_account(database, actor)
    add_activity(database, actor, account)
    return actor, account


def set_budget(database: Database, actor: Actor, amount: str) -> None:
    TenantSettingsService(database, lambda: NOW).set(actor, "llm_budget_usd_month", amount)


def words(booked: Sequence[tuple[bool, str | None, str | None, Decimal]]) -> list[str | None]:
    return [event[1] for event in booked]


def test_a_models_answer_is_stored_whole_and_booked(database: Database, server: FakeServer) -> None:
    actor, account = new_account(database)
    server.script(GOOD)
    with modelled(database, server.url, TestClock()) as service:
        found = service.predict(actor, account)
        assert service.predict(actor, account).cached
    with modelled(database, server.url, TestClock()) as restarted:
        again = restarted.predict(actor, account)
    assert (again.id, again.cached, again.provenance) == (found.id, True, found.provenance)
    assert (again.factors, again.evidence, again.explanation) == (found.factors, found.evidence, found.explanation)
    source = found.provenance
    assert (source.engine, source.fallback_reason, source.tokens) == ("llm", None, 920)
    assert (found.probability, found.explanation) == (CHURN["probability"], CHURN["explanation"])
    assert len(server.requests) == 1
    assert source.cost is not None
    assert events(database, actor) == [(True, None, str(account), round(source.cost, 6))]


@pytest.mark.parametrize("name", ["401", "503", "refusal", "probability 1.7", "invented evidence", "2 MB answer"])
def test_a_failure_is_answered_by_the_rules_and_booked(database: Database, server: FakeServer, name: str) -> None:
    actor, account = new_account(database)
    case = FAULTS[name]
    server.script(case.sent)
    with modelled(database, server.url, TestClock()) as service:
        found = service.predict(actor, account)
    assert (found.provenance.engine, found.provenance.fallback_reason) == ("rules", case.fault)
    assert found.confidence <= FALLBACK_CONFIDENCE_CAP
    assert words(events(database, actor)) == [case.fault] * len(server.requests)
    assert (stored(database, actor), stored(database, actor, status="ACTIVE")) == (1, 1)
    assert claims(database, actor) == 0


@pytest.mark.parametrize("name", ["good", "refusal"])
def test_what_was_reserved_is_settled(database: Database, server: FakeServer, name: str) -> None:
    actor, account = new_account(database)
    set_budget(database, actor, "1")
    during: list[list[str | None]] = []

    def answering(_body: object) -> object:
        during.append(words(events(database, actor)))
        return GOOD if name == "good" else REFUSAL

    server.answer_by(answering)  # type: ignore[arg-type]
    with modelled(database, server.url, TestClock()) as service:
        service.predict(actor, account)
    assert during == [["reserved"]]
    assert words(events(database, actor)) == [None if name == "good" else Fault.REFUSED]


@pytest.mark.parametrize(("budget", "model"), [("0", "gpt-4.1-mini"), ("1000", "nobody-knows-its-price")])
def test_without_room_in_the_budget_nothing_is_sent(
    database: Database, server: FakeServer, budget: str, model: str
) -> None:
    actor, account = new_account(database)
    set_budget(database, actor, budget)
    server.script(GOOD)
    with modelled(database, server.url, TestClock(), model=model) as service:
        found = service.predict(actor, account)
    assert (found.provenance.engine, found.provenance.fallback_reason) == ("rules", Fault.BUDGET)
    assert (server.requests, events(database, actor)) == ([], [])


def test_an_open_breaker_is_a_fallback_without_a_call(database: Database, server: FakeServer) -> None:
    actor, account = new_account(database)
    set_budget(database, actor, "1")
    server.script(error(401))
    with modelled(database, server.url, TestClock()) as service:
        service.predict(actor, account)
        found = service.predict(actor, account, force_refresh=True)
    assert found.provenance.fallback_reason == Fault.BREAKER_OPEN
    assert words(events(database, actor)) == [Fault.KEY_REFUSED]
    assert len(server.requests) == 1


def test_a_broken_prompt_file_is_named_and_leaves_nothing(
    database: Database, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ships is at fault, which nobody should read as the model's absence."""
    actor, account = new_account(database)
    (tmp_path / "system.md").write_text("no front matter", encoding="utf-8")
    monkeypatch.setattr(PromptService, "_prompt", property(lambda _: churn_prompt(tmp_path)))
    with modelled(database, server.url, TestClock()) as service, pytest.raises(Invalid, match=r"system\.md"):
        service.predict(actor, account)
    assert (server.requests, events(database, actor)) == ([], [])
    assert (stored(database, actor), claims(database, actor)) == (0, 0)


@pytest.mark.parametrize(("probability", "doubts"), [(0.98, ("far_apart",)), (0.3, ())])
def test_an_answer_far_from_the_scorecards_is_kept_and_marked_for_review(
    database: Database, server: FakeServer, probability: float, doubts: tuple[str, ...]
) -> None:
    actor, account = new_account(database)
    server.script(answer({**CHURN, "probability": probability}))
    with modelled(database, server.url, TestClock()) as service:
        found = service.predict(actor, account)
        rules = service.second_opinion(actor, found)
        assert (abs(found.probability - rules.probability) > 0.5) == bool(doubts)
        assert (found.probability, found.doubts) == (probability, doubts)
        assert service.predict(actor, account).doubts == doubts


def test_a_valid_answer_of_the_model_outlives_a_failure(database: Database, server: FakeServer) -> None:
    actor, account = new_account(database)
    clock = TestClock()
    server.script(GOOD, REFUSAL)
    with modelled(database, server.url, clock) as service:
        first = service.predict(actor, account)
        clock.advance(days=1)
        second = service.predict(actor, account, force_refresh=True)
        assert (second.id, second.predicted_at, second.cached) == (first.id, NOW, True)
        assert (second.provenance.engine, second.provenance.fallback_reason) == ("llm", Fault.REFUSED)
        kept = service.list(actor, account)
        assert [(one.provenance.engine, one.status) for one in kept] == [("rules", "EXPIRED"), ("llm", "ACTIVE")]
        clock.advance(days=30)
        third = service.predict(actor, account)
    assert (third.provenance.engine, third.status) == ("rules", "ACTIVE")
    assert words(events(database, actor)) == [None, Fault.REFUSED, Fault.REFUSED]
