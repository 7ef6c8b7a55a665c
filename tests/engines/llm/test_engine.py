"""The engine against a server: names hidden and restored, claims held against the facts, failures with their books."""

import json
import logging
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.policy import LLM_CONFIDENCE_CAP, MAX_PROBABILITY
from cs_ml.engines.fallback import assess
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.llm.sample import sample_context, sample_reference
from tests.engines.llm.hostile import ACCOUNT, VALID, engine_at
from tests.llm.server import FakeServer, answer, error

GOLDEN = Path(__file__).with_name("golden_body.json")


def changed(**fields: Any) -> dict[str, Any]:
    return deepcopy(dict(VALID)) | fields


def citing(*cited: list[str]) -> dict[str, Any]:
    """An answer with one factor for each list of ids."""
    factors = [{**deepcopy(VALID["factors"][0]), "evidence": ids} for ids in cited]
    return changed(factors=factors)


def test_an_answer_becomes_an_assessment_with_names_and_evidence(server: FakeServer) -> None:
    server.script(answer(VALID))
    with engine_at(server.url) as asked:
        found = asked.assess()
    told, source = found.assessment, found.provenance
    assert told.probability == 0.62
    assert told.confidence == pytest.approx(LLM_CONFIDENCE_CAP)
    assert told.explanation == f"{ACCOUNT} renews in 60 days and a person lost 77 users."
    assert told.unmatched_numbers == ("77",)
    assert told.doubts == ("unknown_name",)
    assert [(f.code, f.description, f.evidence) for f in told.factors] == [
        ("llm_1", "Anna Nowak is unhappy.", ("A3", "M5"))
    ]
    assert told.factors[0].current_value.startswith("email: Anna Nowak:")
    assert [(f.code, f.description) for f in told.protective] == [("llm_2", f"{ACCOUNT} pays.")]
    assert {fact.id for fact in told.evidence} == {"A3", "M5", "H4"}
    assert told.recommendations[0].action == "Call Anna Nowak"
    assert (source.engine, source.prompt_version, source.version) == ("llm", asked.engine.version, asked.engine.version)
    assert (source.model, source.tokens, source.fallback_reason) == ("gpt-4.1-mini-2025-04-14", 920, None)
    assert source.latency_ms is not None
    assert source.cost == found.attempts[0].cost
    assert len(found.attempts) == 1


def test_the_body_that_is_sent(server: FakeServer) -> None:
    server.script(answer(VALID))
    with engine_at(server.url) as asked:
        asked.assess()
    assert server.requests[0].body == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_nothing_of_names_and_addresses_is_sent_or_logged(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(answer(VALID))
    with engine_at(server.url) as asked:
        asked.assess()
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("cs_ml"))
    for secret in ("Anna", "Nowak", "Partners", "7 * 7", "1234567", "nowak@", "evil.example"):
        assert secret not in server.requests[0].raw.decode()
        assert secret not in logged


def test_without_the_tenants_consent_no_free_text_is_sent(server: FakeServer) -> None:
    server.script(answer(VALID))
    with engine_at(server.url, free_text=False) as asked:
        asked.assess()
    sent = server.requests[0].raw.decode()
    assert "Renewal" not in sent
    assert "System" not in sent


@pytest.mark.parametrize(
    ("cited", "kept"),
    [
        ([["A1"], ["Z9"]], 1),
        ([["A1", "M99"]], 1),
        ([["A1"], ["H9"], ["M5"]], 2),
    ],
)
def test_factors_that_cite_nothing_that_was_sent_are_dropped(
    server: FakeServer, cited: list[list[str]], kept: int
) -> None:
    server.script(answer(citing(*cited)))
    with engine_at(server.url) as asked:
        told = asked.assess().assessment
    factors = told.factors
    assert len(factors) == kept
    assert "ungrounded_part" in told.doubts
    assert {fact for factor in factors for fact in factor.evidence} <= {"A1", "M5"}


def test_a_reason_that_is_told_twice_counts_once(server: FakeServer) -> None:
    server.script(answer(citing(["A1", "M5"], ["M5", "A1"], ["H4"])))
    with engine_at(server.url) as asked:
        factors = asked.assess().assessment.factors
    assert [factor.evidence for factor in factors] == [("A1", "M5"), ("H4",)]


@pytest.mark.parametrize("cited", [[], [["Z9"]], [["A1"], ["Z8"], ["Z9"]], [[], []]])
def test_an_answer_without_ground_is_repaired_once_and_then_refused(server: FakeServer, cited: list[list[str]]) -> None:
    server.script(answer(citing(*cited)), answer(VALID))
    with engine_at(server.url) as asked:
        assert len(asked.assess().attempts) == 2
    complaint = server.requests[1].body["messages"][-1]["content"]
    assert "cite" in complaint.lower()
    server.script(answer(citing(*cited)))
    with engine_at(server.url) as asked, pytest.raises(EngineUnavailable) as refused:
        asked.assess()
    assert refused.value.reason == "ungrounded"
    assert [attempt.error_type for attempt in refused.value.attempts] == ["ungrounded", "ungrounded"]


def test_a_prompt_that_is_too_long_is_asked_again_in_short_and_read_with_its_own_names(server: FakeServer) -> None:
    server.script(error(400, "context_length_exceeded"), answer(VALID))
    with engine_at(server.url) as asked:
        found = asked.assess()
    first, second = (request.body["messages"][-1]["content"] for request in server.requests)
    assert len(second) < len(first)
    assert "[PERSON_1]" not in second
    assert found.assessment.recommendations[0].action == "Call a person"


def test_a_failed_engine_is_followed_by_the_next_with_the_reason_and_the_attempts(server: FakeServer) -> None:
    server.script(error(401))
    with engine_at(server.url) as asked:
        found = assess([asked.engine, RulesEngine(default_scorecard())], sample_context(), sample_reference(), 90)
    assert (found.provenance.engine, found.provenance.fallback_reason) == ("rules", "key_refused")
    assert found.assessment.confidence <= 0.49
    assert [attempt.error_type for attempt in found.attempts] == ["key_refused"]


def test_what_a_call_may_cost_is_reserved_before_it(server: FakeServer) -> None:
    server.script(answer(VALID))
    with engine_at(server.url) as asked:
        spent = asked.assess().provenance.cost
    assert spent is not None
    assert asked.reserved[0] is not None
    assert Decimal(0) < spent <= asked.reserved[0]


def test_a_model_is_never_certain(server: FakeServer) -> None:
    server.script(answer(changed(probability=1)))
    with engine_at(server.url) as asked:
        assert asked.assess().assessment.probability == MAX_PROBABILITY
