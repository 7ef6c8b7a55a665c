"""The scorecard's laws, for any account: the sum, the bounds, the direction of each part, and what it cites."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cs_ml.domain.policy import MAX_PROBABILITY, MIN_PROBABILITY, RULES_CONFIDENCE_CAP
from cs_ml.domain.predictions import Assessment
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from tests.engines.contexts import (
    Contact,
    Facts,
    Score,
    Tenant,
    context_of,
    facts_of_a_tenant,
    facts_of_an_account,
    reference_of,
)
from tests.support.factories import NOW

ENGINE = RulesEngine(default_scorecard())
WINDOWS = st.integers(30, 365)
WEEKLY = [Contact(ago=ago, quantity=5.0) for ago in range(2, 400, 7)]


def judged(facts: Facts, tenant: Tenant | None = None, window: int = 90) -> Assessment:
    return ENGINE.assess(context_of(facts), reference_of(tenant or Tenant()), window).assessment


def codes(assessment: Assessment) -> set[str]:
    return {factor.code for factor in assessment.factors}


@given(facts_of_an_account, facts_of_a_tenant, WINDOWS)
def test_the_parts_add_up_to_a_probability_within_its_bounds(facts: Facts, tenant: Tenant, window: int) -> None:
    found = judged(facts, tenant, window)
    assert found.base is not None
    assert found.window_part is not None
    assert found.clipping is not None
    total = found.base + sum(factor.points or 0 for factor in found.factors) + found.window_part + found.clipping
    assert abs(total - found.probability) < 1e-12
    assert MIN_PROBABILITY <= found.probability <= MAX_PROBABILITY
    assert 0 <= found.confidence <= RULES_CONFIDENCE_CAP
    assert all((factor.points or 0) > 0 for factor in found.factors)
    assert all(factor.points == 0 for factor in found.protective)


@given(facts_of_an_account, facts_of_a_tenant)
def test_every_factor_cites_evidence_that_is_in_the_list(facts: Facts, tenant: Tenant) -> None:
    found = judged(facts, tenant)
    known = [evidence.id for evidence in found.evidence]
    assert len(known) == len(set(known))
    cited = [factor.evidence for factor in [*found.factors, *found.protective]]
    assert all(cited)
    assert {fact for facts in cited for fact in facts} == set(known)
    assert len(found.recommendations) == min(len(found.factors), 3)


def worse_or_equal(facts: Facts, worse: Facts, tenant: Tenant) -> None:
    assert judged(worse, tenant).probability >= judged(facts, tenant).probability


@given(facts_of_an_account, facts_of_a_tenant, st.integers(1, 300))
def test_an_older_last_contact_never_lowers_the_risk(facts: Facts, tenant: Tenant, days: int) -> None:
    """All else is the same; the tenant as a whole was silent no longer than its own account."""
    context = context_of(facts)
    first, last = context.history.first_at, context.history.last_at
    assume(first is not None and last is not None)
    assert first is not None
    assert last is not None
    older = replace(context, history=replace(context.history, last_at=max(last - timedelta(days=days), first)))
    reference = reference_of(replace(tenant, silent=min(tenant.silent, (NOW - last).days)))
    risk = [ENGINE.assess(seen, reference, 90).assessment.probability for seen in (context, older)]
    assert risk[1] >= risk[0]


@given(facts_of_an_account, facts_of_a_tenant, st.floats(0, 1))
def test_a_lower_volume_never_raises_the_chance_to_stay(facts: Facts, tenant: Tenant, share: float) -> None:
    fewer = [
        replace(c, quantity=c.quantity * share) if c.quantity is not None and c.ago < 91 else c for c in facts.contacts
    ]
    worse_or_equal(facts, replace(facts, contacts=fewer), tenant)


@given(facts_of_an_account, facts_of_a_tenant, st.data())
def test_one_activity_less_this_quarter_never_lowers_the_risk(
    facts: Facts, tenant: Tenant, data: st.DataObject
) -> None:
    """The others of that day stay, so that rhythm and silence are the same."""
    neutral = [replace(contact, sentiment=None, quantity=None) for contact in facts.contacts]
    doubled = [contact for contact in neutral for _ in range(2)]
    recent = [number for number, contact in enumerate(doubled) if contact.ago < 91]
    assume(recent)
    gone = data.draw(st.sampled_from(recent))
    fewer = doubled[:gone] + doubled[gone + 1 :]
    worse_or_equal(replace(facts, contacts=doubled), replace(facts, contacts=fewer), tenant)


@given(facts_of_an_account, facts_of_a_tenant, st.integers(1, 100))
def test_lower_health_now_never_lowers_the_risk(facts: Facts, tenant: Tenant, points: int) -> None:
    worse = [replace(s, overall=max(s.overall - points, 0)) if s.ago < 30 else s for s in facts.scores]
    worse_or_equal(facts, replace(facts, scores=worse), tenant)


@given(facts_of_an_account, facts_of_a_tenant, st.integers(1, 100))
def test_lower_support_never_lowers_the_risk(facts: Facts, tenant: Tenant, points: int) -> None:
    worse = [s if s.support is None else replace(s, support=max(s.support - points, 0)) for s in facts.scores]
    worse_or_equal(facts, replace(facts, scores=worse), tenant)


@given(facts_of_an_account, facts_of_a_tenant, st.floats(0, 1))
def test_a_smaller_contract_never_lowers_the_risk(facts: Facts, tenant: Tenant, share: float) -> None:
    if facts.arr is not None:
        worse_or_equal(facts, replace(facts, arr=int(facts.arr * share)), tenant)
    if facts.seats is not None:
        worse_or_equal(facts, replace(facts, seats=int(facts.seats * share)), tenant)


@given(facts_of_an_account, facts_of_a_tenant, st.integers(0, 400), st.integers(0, 400))
def test_a_nearer_renewal_never_lowers_the_risk(facts: Facts, tenant: Tenant, one: int, other: int) -> None:
    near, far = sorted((one, other))
    worse_or_equal(replace(facts, renewal_in=far), replace(facts, renewal_in=near), tenant)


@given(facts_of_an_account, facts_of_a_tenant, st.data())
def test_a_contact_that_was_negative_never_lowers_the_risk(facts: Facts, tenant: Tenant, data: st.DataObject) -> None:
    assume(facts.contacts)
    which = data.draw(st.integers(0, len(facts.contacts) - 1))
    worse = [replace(c, sentiment="NEGATIVE") if n == which else c for n, c in enumerate(facts.contacts)]
    worse_or_equal(facts, replace(facts, contacts=worse), tenant)


@given(facts_of_an_account, facts_of_a_tenant, st.sampled_from(["RISK", "LIFECYCLE"]), st.integers(0, 30))
def test_another_overdue_cta_or_lost_deal_never_lowers_the_risk(
    facts: Facts, tenant: Tenant, kind: str, overdue: int
) -> None:
    worse_or_equal(facts, replace(facts, ctas=[*facts.ctas, (kind, overdue)]), tenant)
    worse_or_equal(facts, replace(facts, deals=[*facts.deals, "LOST"]), tenant)


MISSING = [
    {"contacts": ()},
    {"scores": ()},
    {"arr": None},
    {"arr_before": None},
    {"arr": None, "arr_before": None},
    {"seats": None},
    {"seats_before": None},
    {"renewal_in": None},
    {"ctas": ()},
    {"deals": ()},
]


@given(facts_of_an_account, facts_of_a_tenant, st.sampled_from(MISSING))
def test_missing_data_never_raises_the_risk(facts: Facts, tenant: Tenant, missing: dict[str, object]) -> None:
    worse_or_equal(replace(facts, **missing), facts, tenant)  # type: ignore[arg-type]


@given(facts_of_an_account, facts_of_a_tenant)
def test_what_was_never_said_or_measured_never_raises_the_risk(facts: Facts, tenant: Tenant) -> None:
    unsaid = [replace(contact, sentiment=None, quantity=None) for contact in facts.contacts]
    unmeasured = [replace(score, support=None) for score in facts.scores]
    worse_or_equal(replace(facts, contacts=unsaid), facts, tenant)
    worse_or_equal(replace(facts, scores=unmeasured), facts, tenant)
    bare = replace(tenant, activities_91=None, activities_365=None, arr=None)
    assert judged(facts, bare).probability <= judged(facts, tenant).probability


@given(facts_of_an_account, facts_of_a_tenant, WINDOWS, WINDOWS)
def test_a_longer_window_never_lowers_the_risk(facts: Facts, tenant: Tenant, one: int, other: int) -> None:
    short, long = sorted((one, other))
    assert judged(facts, tenant, long).probability >= judged(facts, tenant, short).probability


def test_an_account_without_any_data_gets_the_base_and_says_so() -> None:
    found = judged(Facts())
    assert (found.probability, found.confidence, found.factors, found.evidence) == (found.base, 0, [], [])
    assert "No activity was ever recorded." in found.explanation


def test_each_part_can_be_reached() -> None:
    bad = Facts(
        contacts=[
            *(Contact(ago=ago, quantity=5.0) for ago in range(100, 400, 4)),
            Contact(ago=29, sentiment="NEGATIVE", quantity=0.0),
        ],
        scores=[*(Score(ago=ago, overall=60) for ago in range(31, 80, 7)), Score(ago=2, overall=5, support=3)],
        arr=10,
        arr_before=100,
        renewal_in=5,
        ctas=[("RISK", 9)],
        deals=["LOST"],
    )
    found = judged(bad, Tenant(activities_365=range(0, 1100, 100)))
    assert codes(found) == {part.code for part in default_scorecard().part}
    assert found.probability > 0.6
    trends = {factor.code: factor.trend for factor in found.factors}
    assert {trends[code] for code in ("fewer_contacts", "less_volume", "health_decline", "downgrade")} == {"declining"}


def test_a_part_that_could_have_added_and_did_not_is_protective() -> None:
    found = judged(Facts(contacts=WEEKLY, scores=[Score(ago=2, overall=95, support=90)], renewal_in=300))
    assert {"health_level", "support", "renewal"} <= {factor.code for factor in found.protective}


def test_a_stopped_feed_does_not_blame_the_customer() -> None:
    """Nothing has arrived for anybody for 60 days: this account is judged as of the day on which the feed stopped."""
    stopped = Facts(contacts=[replace(contact, ago=contact.ago + 60) for contact in WEEKLY])
    empty = dict.fromkeys(("activities_91", "activities_365"), (0.0,) * 11)
    tenant, running = Tenant(silent=62, **empty), Tenant(silent=0, **empty)  # type: ignore[arg-type]
    blamed = {"silence", "fewer_contacts", "less_volume", "volume_quarter", "volume_year"}
    found = judged(stopped, tenant)
    assert codes(found) & blamed <= {"silence"}
    assert "days before the newest data, usually every 7 days" in found.explanation
    assert found.probability <= judged(Facts(contacts=WEEKLY)).probability + 1e-9
    alone = judged(stopped, running)
    assert blamed - {"volume_year"} <= codes(alone)
    assert alone.probability > found.probability + 0.2
    assert found.confidence == pytest.approx(alone.confidence / 2, abs=1e-4)


def test_a_feed_that_runs_again_for_the_account_is_not_stopped() -> None:
    back = judged(Facts(contacts=[Contact(ago=1)]), Tenant(silent=40))
    (silence,) = [f for f in [*back.factors, *back.protective] if f.code == "silence"]
    assert silence.current_value == "last contact 1 day ago"


def test_a_fallback_and_another_scorecard_change_confidence_and_version() -> None:
    full = Facts(contacts=WEEKLY, scores=[Score(ago=ago, overall=80) for ago in range(1, 60, 7)], arr=1, renewal_in=10)
    half = RulesEngine(default_scorecard(), confidence_cap=0.35)
    assert half.assess(context_of(full), reference_of(Tenant()), 90).assessment.confidence == 0.35
    assert judged(full).confidence == RULES_CONFIDENCE_CAP
    changed = default_scorecard().model_copy(update={"base": 0.2})
    assert RulesEngine(changed).version != ENGINE.version
