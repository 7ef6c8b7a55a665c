"""A made-up customer for checking prompts: one fact of every kind."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cs_ml.domain.context import (
    WINDOWS,
    AccountContext,
    AccountProfile,
    ActivityFact,
    ActivityHistory,
    CtaFact,
    HealthPoint,
    OpportunityFact,
    TenantReference,
    WindowTotals,
)
from cs_ml.domain.health.insights import Anomaly, AnomalyKind, MarkedPoint
from cs_ml.domain.health.reference import HealthReference
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.domain.measures import completeness, metrics
from cs_ml.domain.predictions import Prediction
from cs_ml.engines.health.insights import analyse
from cs_ml.services.health.trend import trend_prediction

_AS_OF = datetime(2026, 1, 31, 12, tzinfo=UTC)


def sample_context() -> AccountContext:
    profile = AccountProfile(
        account_id=1,
        reference=None,
        name="Sample & Partners",
        type="CUSTOMER",
        industry="Retail",
        segment="SMB",
        owner_id=None,
        owner_name=None,
        arr=Decimal(12_000),
        arr_before=Decimal(15_000),
        currency="EUR",
        plan="Team",
        seats=20,
        seats_before=25,
        renewal_date=(_AS_OF + timedelta(days=60)).date(),
        days_to_renewal=60,
        lifecycle_stage="Established",
        customer_since=None,
        age_days=400,
        health_score=None,
        engagement_score=None,
        churn_risk=None,
    )
    health = [_point(number, ago) for number, ago in enumerate((80, 45, 17, 3), start=1)]
    activities = [_activity(number, ago) for number, ago in enumerate((20, 9, 2), start=1)]
    history = ActivityHistory(
        first_at=_AS_OF - timedelta(days=400),
        last_at=_AS_OF - timedelta(days=2),
        count=60,
        active_days=50,
        quantities=60,
        baseline=8,
        windows=[WindowTotals(days=days, count=days // 7, quantity=5.0 * days, amount=0.0) for days in WINDOWS],
    )
    return AccountContext(
        as_of=_AS_OF,
        live=True,
        profile=profile,
        health=health,
        activities=activities,
        history=history,
        ctas=[_CTA],
        opportunities=[_DEAL],
        metrics=metrics(activities, history, 2.0),
        completeness=completeness(profile, health, history),
    )


def sample_reference() -> TenantReference:
    deciles = tuple(float(step) for step in range(0, 55, 5))
    names = ("activities_91", "activities_365", "arr")
    return TenantReference(
        as_of=_AS_OF,
        observed_until=_AS_OF,
        accounts=100,
        usual_gap_days=7.0,
        deciles=dict.fromkeys(names, deciles),
        base_rate=0.08,
        judged=200,
    )


def sample_trend() -> Prediction:
    """What the statistics find in the health of the same customer, and a drop that they might have found."""
    readings = [HealthReading(at=point.at, scores={"overall": point.overall}) for point in sample_context().health]
    unknown = HealthReference(
        as_of=_AS_OF, months=0, weight=1.0, spread=0.0, drop_rate=None, levels=(), leans=(), cells=()
    )
    found = analyse(readings, unknown, _AS_OF, derived=False)
    return trend_prediction(1, replace(found, anomalies=(_DROP,)), unknown, "single")


def _point(number: int, ago: int) -> HealthPoint:
    return HealthPoint(
        id=f"H{number}",
        at=_AS_OF - timedelta(days=ago),
        overall=70 - number,
        usage=60,
        support=None,
        engagement=55,
        sentiment=None,
        financial=90,
    )


def _activity(number: int, ago: int) -> ActivityFact:
    return ActivityFact(
        id=f"A{number}",
        at=_AS_OF - timedelta(days=ago),
        type="EMAIL",
        source_type=None,
        direction="inbound",
        sentiment="NEGATIVE",
        subject="Question about the invoice",
        quantity=None,
        amount=None,
    )


_CTA = CtaFact(
    id="C1",
    cta_id=1,
    type="RISK",
    title="Talk about the renewal",
    created_at=_AS_OF - timedelta(days=20),
    status="OPEN",
    priority="HIGH",
    due_at=_AS_OF - timedelta(days=4),
    overdue_days=4,
)
_DEAL = OpportunityFact(
    id="O1",
    name="Renewal 2026",
    status="OPEN",
    created_at=_AS_OF - timedelta(days=30),
    closed_at=None,
    expected_close=None,
    stage="Proposal",
    amount=Decimal(12_000),
    currency="EUR",
    probability=60,
)
_DROP = Anomaly(
    dimension="overall",
    kind=AnomalyKind.SUDDEN_DROP,
    meaning="unusual",
    severity="medium",
    began=_AS_OF - timedelta(days=17),
    ended=_AS_OF - timedelta(days=12),
    points=-18.0,
    threshold=15.0,
    description="Health fell by 18 points within a week.",
    possible_causes=("Usage fell by 20 points in the same days.",),
    evidence=(MarkedPoint(at=_AS_OF - timedelta(days=12), score=50),),
)
