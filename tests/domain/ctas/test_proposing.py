"""What a prediction suggests."""

from datetime import UTC, date, datetime

import pytest

from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.proposing import Planning, propose
from cs_ml.domain.ctas.values import CtaPriority, CtaProposal
from cs_ml.domain.identity.tenant_settings import TenantSettings
from cs_ml.domain.policy import URGENCY, RiskBand
from cs_ml.domain.predictions import (
    Evidence,
    Prediction,
    PredictionStatus,
    PredictionType,
    Provenance,
    Recommendation,
    RiskFactor,
)
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.store.work.proposals import proposal_json, proposal_of
from tests.engines.contexts import Facts, context_of

FRIDAY = datetime(2026, 11, 27, 20, tzinfo=UTC)
PLANNING = Planning(calendar=WorkCalendar.of(TenantSettings()))


def prediction(band: RiskBand = RiskBand.HIGH, *, factors: int = 4, action: str = "Call them.") -> Prediction:
    found = [
        RiskFactor(
            code=f"f{number}",
            factor=f"Factor {number}",
            impact="high",
            points=0.1,
            current_value=f"{number} days",
            threshold="7 days" if number else "",
            trend="declining",
            description="",
            evidence=(f"M{number}", f"A{number}", "H1"),
        )
        for number in range(factors)
    ]
    advice = Recommendation(
        action=action, priority="high", rationale="", expected_impact="", effort="low", timeframe=""
    )
    return Prediction(
        id=None,
        account_id=1,
        type=PredictionType.CHURN,
        status=PredictionStatus.ACTIVE,
        origin="single",
        as_of=FRIDAY,
        predicted_at=FRIDAY,
        valid_until=FRIDAY,
        window_days=90,
        probability=0.7,
        confidence=0.6,
        base_rate=0.1,
        band=band,
        urgency=URGENCY[band],
        base=0.05,
        window_part=0.0,
        clipping=0.0,
        drivers=(),
        factors=found,
        protective=[],
        evidence=[Evidence(id=f"M{n}", kind="metric", at=FRIDAY, text=f"Fact {n}") for n in range(factors)],
        explanation="",
        recommendations=[advice] if action else [],
        completeness=1.0,
        missing=(),
        provenance=Provenance(engine="rules", version="1"),
    )


def proposed(**of: object) -> CtaProposal:
    made = propose(prediction(**of), context_of(Facts()).profile, PLANNING)  # type: ignore[arg-type]
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("band", "priority", "due"),
    [
        (RiskBand.CRITICAL, CtaPriority.CRITICAL, date(2026, 11, 30)),  # a day later is a Saturday
        (RiskBand.HIGH, CtaPriority.HIGH, date(2026, 12, 2)),
        (RiskBand.MEDIUM, CtaPriority.MEDIUM, date(2026, 12, 11)),
        (RiskBand.LOW, CtaPriority.LOW, date(2026, 12, 28)),  # after 30 days, a Sunday
    ],
)
def test_priority_and_due_day_follow_from_the_urgency(band: RiskBand, priority: CtaPriority, due: date) -> None:
    made = proposed(band=band)
    assert (made.priority, made.due) == (priority, due)
    assert made.due_rule.startswith(f"{band.capitalize()} risk, ")


def test_the_reason_names_the_three_main_factors_with_their_facts() -> None:
    made = proposed()
    assert made.reason.splitlines() == [
        "70% chance of leaving within 90 days, where 10% is usual.",
        "- Factor 0: 0 days",
        "- Factor 1: 1 days (to compare: 7 days)",
        "- Factor 2: 2 days (to compare: 7 days)",
    ]
    assert [point.text for point in made.data_points] == ["Fact 0", "Fact 1", "Fact 2"]


@pytest.mark.parametrize(
    ("action", "title"),
    [
        ("Call them.", "Call them"),
        ("re-engage the  sponsor", "Re-engage the sponsor"),
        ("A business review with the CFO", "Follow up: A business review with the CFO"),
        ("", "Find out about: Factor 0"),
    ],
)
def test_the_title_begins_with_what_to_do(action: str, title: str) -> None:
    assert proposed(action=action).title == title


def test_every_action_of_the_scorecard_is_an_instruction_already() -> None:
    for part in default_scorecard().part:
        assert proposed(action=part.action).title == part.action


def test_a_long_title_is_cut() -> None:
    assert len(proposed(action="Call " + "x" * 400).title) == 200


def test_without_a_reason_nothing_is_suggested() -> None:
    assert propose(prediction(factors=0), context_of(Facts()).profile, PLANNING) is None


def test_stored_and_read_again_it_is_the_same() -> None:
    made = proposed()
    assert proposal_of(proposal_json(made)) == made
