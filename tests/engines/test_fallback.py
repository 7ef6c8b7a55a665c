"""The chain: the first engine that answers, and what is said about those that could not."""

from collections.abc import Sequence

import pytest

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.usage import NO_TOKENS, Attempt, Fault
from cs_ml.domain.policy import FALLBACK_CONFIDENCE_CAP
from cs_ml.domain.predictions import EngineName
from cs_ml.engines.base import Answer
from cs_ml.engines.fallback import assess
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from tests.engines.contexts import Contact, Facts, Score, Tenant, context_of, reference_of
from tests.support.factories import NOW

RULES = RulesEngine(default_scorecard())
FULL = Facts(
    contacts=[Contact(ago=ago) for ago in range(1, 90, 7)],
    scores=[Score(ago=ago, overall=80) for ago in range(1, 60, 7)],
    arr=1_000,
    renewal_in=200,
)

FAILED = Attempt(
    operation="churn-prediction",
    model="m",
    usage=NO_TOKENS,
    latency_ms=5,
    success=False,
    error_type=Fault.TIMEOUT,
    cost=None,
    price_version="1",
    created_at=NOW,
)


class Silent:
    name: EngineName = "llm"
    version = "1"

    def __init__(self, reason: str, *, attempts: int = 0) -> None:
        self._reason = reason
        self._attempts = attempts * (FAILED,)

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        asked = f"{context.as_of:%Y-%m-%d}, {reference.accounts} accounts, {window_days} days"
        raise EngineUnavailable(f"No answer: {asked}.", reason=self._reason, attempts=self._attempts)


def chain(*engines: Silent | RulesEngine) -> tuple[str, str | None, float]:
    answer = assess(engines, context_of(FULL), reference_of(Tenant()), 90)
    return answer.provenance.engine, answer.provenance.fallback_reason, answer.assessment.confidence


def test_the_first_engine_that_answers_is_no_fallback() -> None:
    assert chain(RULES, Silent("never asked")) == ("rules", None, 0.7)


@pytest.mark.parametrize("engines", [[Silent("timeout")], [Silent("timeout"), Silent("circuit_open")]])
def test_a_fallback_names_the_first_reason_and_is_unsure(engines: Sequence[Silent]) -> None:
    assert chain(*engines, RULES) == ("rules", "timeout", FALLBACK_CONFIDENCE_CAP)


def test_where_no_engine_answers_the_first_reason_is_raised() -> None:
    with pytest.raises(EngineUnavailable) as raised:
        chain(Silent("timeout"), Silent("circuit_open"))
    assert raised.value.reason == "timeout"


def test_calls_of_engines_that_were_passed_over_are_kept_for_the_books() -> None:
    silent = [Silent("timeout", attempts=2), Silent("circuit_open"), Silent("refused", attempts=1)]
    facts = context_of(FULL), reference_of(Tenant()), 90
    assert assess([*silent, RULES], *facts).attempts == (FAILED, FAILED, FAILED)
    with pytest.raises(EngineUnavailable) as raised:
        assess(silent, *facts)
    assert raised.value.attempts == (FAILED, FAILED, FAILED)
    assert assess([RULES], *facts).attempts == ()
