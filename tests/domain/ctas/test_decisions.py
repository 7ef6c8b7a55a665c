"""Each rule that holds a CTA back, alone: what it says, until when, which CTA blocks, and who may go on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cs_ml.domain.ctas.decisions import Situation, SkipReason, decide
from cs_ml.domain.policy import RiskBand

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 7, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)

FREE = Situation(
    now=NOW,
    automatic=True,
    levels=frozenset({RiskBand.CRITICAL, RiskBand.HIGH}),
    suggested=True,
    band=RiskBand.HIGH,
    confidence=0.6,
    dismissed_at=None,
    automated_at=None,
    automated_id=None,
    cooldown_days=7,
    similar_id=None,
    made_today=49,
    limit=50,
    resets_at=MIDNIGHT,
)
PERSON = replace(FREE, automatic=False, levels=frozenset())


def test_nothing_holds_back() -> None:
    for situation in (FREE, PERSON):
        decision = decide(situation)
        assert (decision.allowed, decision.reason, decision.held_back) == (True, None, ())


@pytest.mark.parametrize(
    ("change", "reason", "until", "blocking"),
    [
        ({"suggested": False}, SkipReason.NO_SUGGESTION, None, None),
        ({"band": RiskBand.MEDIUM}, SkipReason.LOW_RISK, None, None),
        ({"confidence": 0.49}, SkipReason.CONFIDENCE, None, None),
        ({"similar_id": 12}, SkipReason.SIMILAR_OPEN, None, 12),
        ({"automated_at": NOW - WEEK + SECOND, "automated_id": 9}, SkipReason.COOLDOWN, NOW + SECOND, 9),
        ({"dismissed_at": NOW - WEEK + SECOND}, SkipReason.COOLDOWN, NOW + SECOND, None),
        ({"made_today": 50}, SkipReason.LIMIT, MIDNIGHT, None),
    ],
)
def test_each_rule_holds_automatic_creation_back(
    change: dict[str, object], reason: SkipReason, until: datetime | None, blocking: int | None
) -> None:
    decision = decide(replace(FREE, **change))  # type: ignore[arg-type]
    assert (decision.allowed, decision.may_override) == (False, False)
    assert (decision.reason, decision.until, decision.blocking_cta_id) == (reason, until, blocking)
    (held,) = decision.held_back
    assert held.words.endswith(".")


def test_a_person_may_go_on_but_for_want_of_a_suggestion() -> None:
    held = decide(replace(PERSON, confidence=0.3, similar_id=4, automated_at=NOW, automated_id=4))
    assert [one.reason for one in held.held_back] == [
        SkipReason.CONFIDENCE,
        SkipReason.SIMILAR_OPEN,
        SkipReason.COOLDOWN,
    ]
    assert (held.allowed, held.may_override) == (False, True)
    assert decide(replace(PERSON, suggested=False)).may_override is False


def test_a_person_takes_up_medium_risk_but_is_told_of_a_low_one() -> None:
    assert decide(replace(PERSON, band=RiskBand.MEDIUM)).allowed
    assert decide(replace(PERSON, band=RiskBand.LOW)).reason is SkipReason.LOW_RISK


def test_a_persons_ctas_know_no_daily_limit_and_no_dismissal() -> None:
    assert decide(replace(PERSON, made_today=50, dismissed_at=NOW)).allowed


@pytest.mark.parametrize(
    "began", [NOW, datetime(2026, 10, 24, 22, 30, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2028, 2, 25, tzinfo=UTC)]
)
def test_the_cooldown_ends_to_the_second_over_a_dst_night_and_a_leap_day(began: datetime) -> None:
    cooling = replace(FREE, automated_at=began, automated_id=1)
    end = began.astimezone(UTC) + WEEK
    assert not decide(replace(cooling, now=end - SECOND)).allowed
    assert decide(replace(cooling, now=end)).allowed
    assert decide(replace(cooling, now=end + SECOND)).allowed


def test_confidence_of_exactly_a_half_is_enough() -> None:
    assert decide(replace(FREE, confidence=0.5)).allowed
