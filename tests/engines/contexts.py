"""Contexts without a database: a few plain facts of an account, and what an engine is shown of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from cs_ml.domain.context import (
    ACTIVITY_DAYS,
    BASELINE_DAYS,
    HEALTH_DAYS,
    WINDOWS,
    AccountContext,
    AccountProfile,
    ActivityFact,
    ActivityHistory,
    CtaFact,
    HealthPoint,
    OpportunityFact,
    Sentiment,
    TenantReference,
    WindowTotals,
)
from cs_ml.domain.measures import completeness, metrics
from tests.support.factories import NOW


@dataclass(frozen=True, kw_only=True)
class Contact:
    ago: int  # days
    sentiment: Sentiment | None = None
    quantity: float | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    ago: int  # days
    overall: int
    support: int | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One account at NOW. `ctas`: (type, days overdue). `deals`: their status."""

    contacts: Sequence[Contact] = ()
    scores: Sequence[Score] = ()
    arr: int | None = None
    arr_before: int | None = None
    seats: int | None = None
    seats_before: int | None = None
    renewal_in: int | None = None
    ctas: Sequence[tuple[str, int | None]] = ()
    deals: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """The tenant around it. `silent`: days since anything arrived for any account."""

    silent: int = 0
    gap: float | None = 7.0
    activities_91: Sequence[float] | None = field(default=tuple(range(0, 33, 3)))
    activities_365: Sequence[float] | None = field(default=tuple(range(0, 110, 10)))
    arr: Sequence[float] | None = field(default=tuple(range(0, 11_000, 1_000)))


def context_of(facts: Facts) -> AccountContext:
    """As `services/context.py` builds it."""
    contacts = sorted(facts.contacts, key=lambda contact: -contact.ago)
    activities = [
        ActivityFact(
            id=f"A{number}",
            at=_ago(contact.ago),
            type="EMAIL",
            source_type=None,
            direction=None,
            sentiment=contact.sentiment,
            subject=None,
            quantity=contact.quantity,
            amount=None,
        )
        for number, contact in enumerate((c for c in contacts if c.ago < ACTIVITY_DAYS), start=1)
    ]
    history, health, profile = _history(contacts), _health(facts.scores), _profile(facts)
    since = float((NOW - history.last_at).days) if history.last_at else None
    return AccountContext(
        as_of=NOW,
        live=True,
        profile=profile,
        health=health,
        activities=activities,
        history=history,
        ctas=[_cta(number, *cta) for number, cta in enumerate(facts.ctas, start=1)],
        opportunities=[_deal(number, status) for number, status in enumerate(facts.deals, start=1)],
        metrics=metrics(activities, history, since),
        completeness=completeness(profile, health, history),
    )


def reference_of(tenant: Tenant) -> TenantReference:
    deciles = {
        "activities_91": tenant.activities_91,
        "activities_365": tenant.activities_365,
        "arr": tenant.arr,
    }
    return TenantReference(
        as_of=NOW,
        observed_until=_ago(tenant.silent),
        accounts=100,
        usual_gap_days=tenant.gap,
        deciles={name: values for name, values in deciles.items() if values is not None},
        base_rate=None,
        judged=0,
    )


def _ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def _history(contacts: Sequence[Contact]) -> ActivityHistory:
    return ActivityHistory(
        first_at=_ago(contacts[0].ago) if contacts else None,
        last_at=_ago(contacts[-1].ago) if contacts else None,
        count=len(contacts),
        active_days=len({contact.ago for contact in contacts}),
        quantities=sum(contact.quantity is not None for contact in contacts),
        baseline=sum(ACTIVITY_DAYS <= contact.ago < ACTIVITY_DAYS + BASELINE_DAYS for contact in contacts),
        windows=[
            WindowTotals(
                days=days,
                count=sum(contact.ago < days for contact in contacts),
                quantity=sum(contact.quantity or 0.0 for contact in contacts if contact.ago < days),
                amount=0.0,
            )
            for days in WINDOWS
        ],
    )


def _health(scores: Sequence[Score]) -> list[HealthPoint]:
    inside = sorted((score for score in scores if score.ago < HEALTH_DAYS), key=lambda score: -score.ago)
    return [
        HealthPoint(
            id=f"H{number}",
            at=_ago(score.ago),
            overall=score.overall,
            usage=None,
            support=score.support,
            engagement=None,
            sentiment=None,
            financial=None,
        )
        for number, score in enumerate(inside, start=1)
    ]


def _profile(facts: Facts) -> AccountProfile:
    return AccountProfile(
        account_id=1,
        reference=None,
        name="Acme",
        type="CUSTOMER",
        industry=None,
        segment=None,
        owner_id=1,
        owner_name=None,
        arr=_money(facts.arr),
        arr_before=_money(facts.arr_before),
        currency="USD",
        plan=None,
        seats=facts.seats,
        seats_before=facts.seats_before,
        renewal_date=None if facts.renewal_in is None else (NOW + timedelta(days=facts.renewal_in)).date(),
        days_to_renewal=facts.renewal_in,
        lifecycle_stage=None,
        customer_since=None,
        age_days=None,
        health_score=None,
        engagement_score=None,
        churn_risk=None,
    )


def _money(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _cta(number: int, kind: str, overdue: int | None) -> CtaFact:
    return CtaFact(
        id=f"C{number}",
        cta_id=number,
        type=kind,
        title=f"Task {number}",
        created_at=_ago(40),
        status="OPEN",
        priority="HIGH",
        due_at=None if overdue is None else _ago(overdue),
        overdue_days=overdue,
    )


def _deal(number: int, status: str) -> OpportunityFact:
    return OpportunityFact(
        id=f"O{number}",
        name=f"Deal {number}",
        status=status,  # type: ignore[arg-type]
        created_at=_ago(60),
        closed_at=None if status == "OPEN" else _ago(5),
        expected_close=None,
        stage=None,
        amount=None,
        currency="USD",
        probability=None,
    )


_SCORE = st.integers(0, 100)
_SENTIMENT = st.sampled_from(["POSITIVE", "NEUTRAL", "NEGATIVE", None])
_CONTACT = st.builds(
    Contact, ago=st.integers(0, 700), sentiment=_SENTIMENT, quantity=st.none() | st.integers(0, 50).map(float)
)
_DECILES = st.none() | st.lists(st.integers(0, 60).map(float), min_size=11, max_size=11).map(sorted)

facts_of_an_account = st.builds(
    Facts,
    contacts=st.lists(_CONTACT, max_size=16),
    scores=st.lists(st.builds(Score, ago=st.integers(0, 120), overall=_SCORE, support=st.none() | _SCORE), max_size=12),
    arr=st.none() | st.integers(0, 20_000),
    arr_before=st.none() | st.integers(0, 20_000),
    seats=st.none() | st.integers(0, 50),
    seats_before=st.none() | st.integers(0, 50),
    renewal_in=st.none() | st.integers(-60, 400),
    ctas=st.lists(st.tuples(st.sampled_from(["RISK", "LIFECYCLE"]), st.none() | st.integers(0, 30)), max_size=4),
    deals=st.lists(st.sampled_from(["OPEN", "WON", "LOST"]), max_size=3),
)
facts_of_a_tenant = st.builds(
    Tenant,
    silent=st.sampled_from([0, 5, 40]),
    gap=st.none() | st.integers(1, 90).map(float),
    activities_91=_DECILES,
    activities_365=_DECILES,
    arr=st.none() | st.lists(st.integers(0, 20_000).map(float), min_size=11, max_size=11).map(sorted),
)
