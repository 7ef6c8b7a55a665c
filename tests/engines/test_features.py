"""The quantities behind the scorecard, worked by hand."""

from collections.abc import Sequence
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_ml.domain.policy import MAX_PROBABILITY
from cs_ml.engines.evidence import all_evidence
from cs_ml.engines.features import FEATURES, Quantity, interpolate, quantities
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


def quantity(name: str, facts: Facts, tenant: Tenant | None = None) -> Quantity:
    return FEATURES[name](context_of(facts), reference_of(tenant or Tenant()))


def contacts(*ages: int) -> Sequence[Contact]:
    return [Contact(ago=ago) for ago in ages]


def test_silence_is_the_mbg_nbd_chance() -> None:
    """Ten contacts a week apart, the last 30 days ago; scale 7 days, prior of 1 contact, dropout beta(0.3, 2.5)."""
    found = quantity("no_contact_ahead", Facts(contacts=contacts(*range(30, 100, 7))))
    scale, span, observed, repeats = 7.0, 63, 93, 9
    alive = 1 / (1 + 0.3 / (2.5 + repeats) * exp((1 + repeats) * log((scale + observed) / (scale + span))))
    silent = ((scale + observed) / (scale + observed + 90)) ** (1 + repeats)
    assert found.value == pytest.approx(1 - alive * (1 - silent), abs=1e-12)
    assert found.text == "last contact 30 days ago, usually every 7 days"
    assert found.cites == ("M1",)


def test_the_same_silence_says_less_of_an_account_that_is_slow_by_nature() -> None:
    fast = quantity("no_contact_ahead", Facts(contacts=contacts(*range(60, 350, 7))))
    slow = quantity("no_contact_ahead", Facts(contacts=contacts(*range(60, 350, 45))))
    assert fast.value is not None
    assert slow.value is not None
    assert fast.value > slow.value + 0.3


@pytest.mark.parametrize(("count", "rank"), [(0, 0.0), (3, 0.1), (4, 0.1 + 0.1 / 3), (30, 1.0), (40, 1.0)])
def test_volume_is_a_place_among_the_tenants_accounts(count: int, rank: float) -> None:
    facts = Facts(contacts=[*contacts(*[5] * count), Contact(ago=400)])
    assert quantity("rank_activities_91", facts).value == pytest.approx(rank)


def test_ties_of_the_tenant_get_their_middle() -> None:
    half_idle = Tenant(activities_91=(0, 0, 0, 0, 0, 0, 2, 4, 6, 8, 10))
    assert quantity("rank_activities_91", Facts(contacts=contacts(400)), half_idle).value == 0.25
    all_alike = Tenant(activities_91=(5,) * 11)
    assert quantity("rank_activities_91", Facts(contacts=contacts(*[5] * 5)), all_alike).value == 0.5


def test_activity_is_compared_with_as_much_of_the_quarter_before_as_was_seen() -> None:
    whole = Facts(contacts=contacts(1, 2, *range(91, 182, 7), 300))
    assert quantity("activity_change", whole).value == pytest.approx(2 / 13)
    half = Facts(contacts=contacts(1, 2, 91, 100, 135))
    assert quantity("activity_change", half).value == pytest.approx(2 / (3 * 91 / 45))
    assert quantity("activity_change", Facts(contacts=contacts(1, 2, 91, 117))).value is None
    assert quantity("activity_change", Facts(contacts=contacts(1, 2))).value is None


def test_volume_counts_only_where_every_activity_states_one() -> None:
    stated = [Contact(ago=ago, quantity=float(ago < 91) + 1) for ago in range(0, 300, 7)]
    assert quantity("volume_change", Facts(contacts=stated)).value == pytest.approx(2.0)
    assert quantity("volume_change", Facts(contacts=[*stated, Contact(ago=3)])).value is None


def test_health_is_a_level_and_a_change() -> None:
    scores = [Score(ago=80, overall=70), Score(ago=30, overall=80), Score(ago=29, overall=40), Score(ago=1, overall=50)]
    facts = Facts(scores=scores)
    assert quantity("health_level", facts).value == 60
    change = quantity("health_change", facts)
    assert (change.value, change.cites) == (-30, ("H1", "H4"))
    assert quantity("health_change", Facts(scores=scores[:2])).value is None


def test_support_is_the_lowest_of_30_days() -> None:
    scores = [Score(ago=40, overall=50, support=1), Score(ago=20, overall=50, support=30), Score(ago=2, overall=50)]
    found = quantity("support_low", Facts(scores=scores))
    assert (found.value, found.cites) == (30, ("H2",))


def test_mood_needs_more_than_one_bad_mail() -> None:
    one = quantity("negative_share", Facts(contacts=[Contact(ago=1, sentiment="NEGATIVE")]))
    assert one.value == pytest.approx(1 / 3)
    many = [Contact(ago=ago, sentiment="NEGATIVE") for ago in range(8)]
    found = quantity("negative_share", Facts(contacts=many))
    assert (found.value, found.cites) == (0.8, ("M6", "A6", "A7", "A8"))
    assert quantity("negative_share", Facts(contacts=contacts(1, 2))).value is None


@pytest.mark.parametrize(("days", "known"), [(-31, None), (-30, -30.0), (0, 0.0), (90, 90.0)])
def test_a_renewal_counts_until_a_month_overdue(days: int, known: float | None) -> None:
    assert quantity("days_to_renewal", Facts(renewal_in=days)).value == known


def test_the_contract_is_what_shrank_most() -> None:
    found = quantity("contract_change", Facts(arr=90, arr_before=100, seats=5, seats_before=10))
    assert (found.value, found.text) == (0.5, "seats at 50% of 90 days ago")
    assert quantity("contract_change", Facts(arr=90, arr_before=0, seats=5)).value is None
    assert quantity("arr_rank", Facts(arr=2_500)).value == pytest.approx(0.25)


def test_work_and_deals() -> None:
    facts = Facts(ctas=[("RISK", 3), ("LIFECYCLE", 0), ("RISK", None)], deals=["LOST", "WON", "OPEN"])
    found = quantities(context_of(facts), reference_of(Tenant()))
    assert (found["overdue_ctas"].value, found["overdue_ctas"].cites) == (1, ("C1",))
    assert (found["open_risk_ctas"].value, found["open_risk_ctas"].cites) == (2, ("C1", "C3"))
    assert (found["lost_opportunities"].value, found["lost_opportunities"].cites) == (1, ("O1",))
    assert quantity("overdue_ctas", Facts(ctas=[("RISK", None)])).value is None


@given(facts_of_an_account, facts_of_a_tenant)
def test_quantities_cite_only_what_the_context_holds(facts: Facts, tenant: Tenant) -> None:
    context = context_of(facts)
    known = {evidence.id for evidence in all_evidence(context)}
    for found in quantities(context, reference_of(tenant)).values():
        assert set(found.cites) <= known
        assert (found.value is None) == (found.text == "unknown")


@given(st.floats(-10, 120), st.floats(-10, 120))
def test_interpolation_is_flat_outside_and_never_turns(one: float, other: float) -> None:
    points = [(0.0, 0.0), (10.0, 0.25), (100.0, MAX_PROBABILITY)]
    low, high = sorted((one, other))
    assert 0 <= interpolate(low, points) <= interpolate(high, points) <= MAX_PROBABILITY
    assert interpolate(5.0, points) == 0.125
