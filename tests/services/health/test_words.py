"""Health insights in a language model's words: never in its figures, never because somebody looks."""

from collections.abc import Mapping
from typing import Any

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import RateLimited
from cs_ml.domain.llm.usage import Fault
from cs_ml.domain.predictions import Prediction, PredictionType
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.predicting.answers import prediction_answer
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from tests.llm import conftest
from tests.llm.server import FakeServer, answer
from tests.services.health.histories import add_crowd, add_scores
from tests.services.llm.faulty import FAULTS, GOOD, REFUSAL
from tests.services.llm.modelled import events, modelled
from tests.services.predictions.predicting import TestClock, predicting
from tests.support.factories import NOW, add_account, add_activity, add_contact, add_tenant

server = conftest.server
TREND = PredictionType.HEALTH_TREND
DROP = [70] * 30 + [69, 70, 41, 40]
WORDS: Mapping[str, Any] = {
    "summary": "[ACCOUNT_1] stands at 40 after a fall; talk to [PERSON_1] first.",
    "causes": [{"anomaly": 1, "sentence": "[PERSON_1] may have stopped writing.", "evidence": ["A1"]}],
}


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


@pytest.fixture
def account(database: Database, actor: Actor) -> int:
    add_crowd(database, actor)
    account = add_account(database, actor, name="Globex")
    add_scores(database, actor, account, DROP)
    add_contact(database, actor, account, first_name="Zofia", last_name="Wilk")
    add_activity(database, actor, account, subject="Call with Zofia about the Globex renewal")
    TenantSettingsService(database, lambda: NOW).set(actor, "llm_free_text", "on")
    return account


def refreshed(service: PredictionService, actor: Actor, account: int) -> Prediction:
    return service.predict(actor, account, TREND, force_refresh=True)


def figures(found: Prediction) -> tuple[object, ...]:
    insights = found.health
    assert insights
    return (found.probability, found.band, found.confidence, insights.forecast, insights.anomalies, insights.summary)


def test_a_refresh_gets_words_around_the_same_figures_and_keeps_them(
    database: Database, server: FakeServer, actor: Actor, account: int
) -> None:
    server.script(answer(WORDS))
    with modelled(database, server.url, TestClock()) as service:
        found = refreshed(service, actor, account)
        again = service.predict(actor, account, TREND)
    assert figures(found) == figures(predicting(database, TestClock()).predict(actor, account, TREND, as_of=NOW))
    assert found.health
    assert found.health.words
    assert found.explanation == "Globex stands at 40 after a fall; talk to Zofia first."
    assert found.health.words.summary == found.explanation
    cause = found.health.words.causes[0]
    assert (cause.anomaly, cause.text, cause.evidence) == (0, "Zofia may have stopped writing.", ("A1",))
    assert {"A1"} < {fact.id for fact in found.evidence}
    assert (found.unmatched_numbers, found.doubts) == ((), ())
    assert (again.cached, again.health, again.explanation) == (True, found.health, found.explanation)
    assert (found.provenance.engine, found.provenance.tokens, found.provenance.fallback_reason) == (
        "statistics",
        920,
        None,
    )
    assert [event[:3] for event in events(database, actor)] == [(True, None, str(account))]


def test_no_name_is_sent_and_no_free_text_unless_allowed(
    database: Database, server: FakeServer, actor: Actor, account: int
) -> None:
    server.script(answer(WORDS))
    with modelled(database, server.url, TestClock()) as service:
        refreshed(service, actor, account)
        TenantSettingsService(database, lambda: NOW).set(actor, "llm_free_text", "off")
        refreshed(service, actor, account)
    first, second = (request.body["messages"][-1]["content"] for request in server.requests)
    assert "Globex" not in first + second
    assert "Zofia" not in first + second
    assert "Call with" not in second
    assert "Health 41 of 100" in first
    assert first.count("<data>") == first.count("</data>") == 1


def test_looking_asks_no_model_and_counts_to_no_limit(
    database: Database, server: FakeServer, actor: Actor, account: int
) -> None:
    server.script(answer({**WORDS, "causes": []}))
    clock = TestClock()
    with modelled(database, server.url, clock, limit=1) as service:
        for _ in range(3):
            service.predict(actor, account, TREND)
            clock.advance(days=40)
        assert server.requests == []
        refreshed(service, actor, account)
        with pytest.raises(RateLimited):
            refreshed(service, actor, account)
        assert service.predict(actor, account, TREND).cached
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["401", "refusal", "2 MB answer"])
def test_without_an_answer_the_rule_text_stands_and_says_why(
    database: Database, server: FakeServer, actor: Actor, account: int, name: str
) -> None:
    case = FAULTS[name]
    server.script(case.sent)
    with modelled(database, server.url, TestClock()) as service:
        found = refreshed(service, actor, account)
    assert found.health
    assert (found.health.words, found.explanation) == (None, found.health.summary)
    assert found.provenance.fallback_reason == case.fault
    assert [event[1] for event in events(database, actor)] == [case.fault] * len(server.requests)


def test_the_budget_holds_for_words(database: Database, server: FakeServer, actor: Actor, account: int) -> None:
    TenantSettingsService(database, lambda: NOW).set(actor, "llm_budget_usd_month", "0")
    server.script(answer(WORDS))
    with modelled(database, server.url, TestClock()) as service:
        found = refreshed(service, actor, account)
    assert (found.provenance.fallback_reason, server.requests) == (Fault.BUDGET, [])


def test_causes_of_nothing_are_no_answer_and_the_model_may_repair_it(
    database: Database, server: FakeServer, actor: Actor, account: int
) -> None:
    invented = {**WORDS, "causes": [{**WORDS["causes"][0], "evidence": ["Z9"]}]}
    server.script(answer(invented), answer(WORDS))
    with modelled(database, server.url, TestClock()) as service:
        found = refreshed(service, actor, account)
    assert found.health
    assert found.health.words
    assert len(server.requests) == 2
    server.script(answer(invented))
    with modelled(database, server.url, TestClock()) as service:
        assert refreshed(service, actor, account).provenance.fallback_reason == Fault.UNGROUNDED


def test_what_rests_on_nothing_is_left_out_and_numbers_of_nowhere_are_marked(
    database: Database, server: FakeServer, actor: Actor, account: int
) -> None:
    causes = [
        WORDS["causes"][0],
        {"anomaly": 99, "sentence": "Of no anomaly.", "evidence": ["A1"]},
        {"anomaly": 1, "sentence": "Use fell by 777.", "evidence": ["A1", "Z9"]},
    ]
    server.script(answer({"summary": "It is 40, and [PERSON_9] lost 4321.", "causes": causes}))
    with modelled(database, server.url, TestClock()) as service:
        found = refreshed(service, actor, account)
    assert found.health
    assert found.health.words
    assert [cause.text for cause in found.health.words.causes] == [
        "Zofia may have stopped writing.",
        "Use fell by 777.",
    ]
    assert found.unmatched_numbers == ("4321", "777")
    assert found.doubts == ("ungrounded_part", "unknown_name")
    assert "a person lost" in found.explanation


def test_the_answer_tells_who_wrote_it(database: Database, server: FakeServer, actor: Actor, account: int) -> None:
    server.script(answer(WORDS), REFUSAL)
    clock = TestClock()
    with modelled(database, server.url, clock) as service:
        worded = prediction_answer(refreshed(service, actor, account))
        clock.advance(minutes=1)
        plain = prediction_answer(refreshed(service, actor, account))
    assert (worded["summaryBy"], plain["summaryBy"]) == ("llm", "rules")
    assert plain["summary"] == plain["ruleSummary"] == worded["ruleSummary"]
    assert plain["fallbackReason"] == Fault.REFUSED
    first = worded["anomalies"][0]
    assert first["possibleCauses"][-1] == "Zofia may have stopped writing."
    assert first["causesByModel"][0]["evidence"][0].id == "A1"


def test_a_model_that_the_tenant_does_not_use_is_not_asked(
    database: Database, server: FakeServer, actor: Actor, account: int
) -> None:
    server.script(GOOD)
    found = refreshed(predicting(database, TestClock()), actor, account)
    assert found.health
    assert (found.health.words, found.provenance.fallback_reason, server.requests) == (None, None, [])
