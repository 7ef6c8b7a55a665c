"""What is known of an account at an instant: windows, dates, what has no history, and how much is asked for it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import AccountContext
from cs_ml.services.context import ContextService
from cs_ml.store.database import Database
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_cta,
    add_fact,
    add_health,
    add_opportunity,
    add_reference,
    add_snapshot,
    add_stage,
    add_tenant,
)

LATER = NOW + timedelta(days=200)  # the clock, where NOW is the past that is looked at
MOMENT = timedelta(milliseconds=1)


def days(number: float) -> datetime:
    return NOW - timedelta(days=number)


def seen(database: Database, actor: Actor, account_id: int, as_of: datetime | None = None) -> AccountContext:
    """The context at NOW, which is the present unless `as_of` is given."""
    clock = LATER if as_of else NOW
    return ContextService(database, lambda: clock).gather_context(actor, account_id, as_of)


def test_health_is_that_of_the_last_90_days_to_the_millisecond(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    for number, at in enumerate([days(90), days(90) + MOMENT, NOW, NOW + MOMENT]):
        scores = {"usage_score": 1, "support_score": None, "sentiment_score": 3, "financial_score": 4}
        add_health(database, actor, account, calculated_at=at, overall_score=number, engagement_score=2, **scores)
    found = seen(database, actor, account).health
    assert [(point.id, point.overall, point.at) for point in found] == [("H1", 1, days(90) + MOMENT), ("H2", 2, NOW)]
    first = found[0]
    assert (first.usage, first.support, first.engagement, first.sentiment, first.financial) == (1, None, 2, 3, 4)


def test_activities_are_those_of_30_days_and_counted_before_that(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    inside = [days(30) + MOMENT, NOW]
    before = [days(90) + MOMENT, days(60), days(30)]
    for at in [*inside, *before, days(90), NOW + MOMENT]:
        add_activity(database, actor, account, completed_at=at)
    found = seen(database, actor, account)
    assert [(activity.id, activity.at) for activity in found.activities] == [("A1", inside[0]), ("A2", inside[1])]
    assert found.history.baseline == len(before)
    assert (found.history.first_at, found.history.last_at, found.history.count) == (days(90), NOW, 6)
    assert [(w.days, w.count) for w in found.history.windows] == [(28, 1), (91, 6), (182, 6), (365, 6)]
    assert found.history.active_days == 4


@pytest.mark.parametrize("window", [28, 91, 182, 365])
def test_the_sums_of_a_window_are_exact_at_its_edge(database: Database, window: int) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    details = {"quantity": 2, "amount": 1.5}
    for at in (days(window), days(window) + MOMENT):
        add_activity(database, actor, account, completed_at=at, details=details)
    totals = seen(database, actor, account).history.window(window)
    assert (totals.count, totals.quantity, totals.amount) == (1, 2.0, 1.5)


def test_an_activity_happened_when_completed_else_scheduled_else_created(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    add_activity(database, actor, account, completed_at=days(1), scheduled_at=days(50), created_at=days(60))
    add_activity(database, actor, account, completed_at=None, scheduled_at=days(2), created_at=days(60))
    add_activity(database, actor, account, completed_at=None, scheduled_at=None, created_at=days(3))
    found = seen(database, actor, account)
    assert [activity.at for activity in found.activities] == [days(3), days(2), days(1)]


@pytest.mark.parametrize("status", ["PLANNED", "CANCELLED", "NO_SHOW"])
def test_what_did_not_take_place_is_no_engagement(database: Database, status: str) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    add_activity(database, actor, account, completed_at=None, scheduled_at=days(2), status=status)
    found = seen(database, actor, account)
    assert (found.activities, found.history.count, found.history.last_at) == ([], 0, None)


def test_what_a_crm_keeps_beside_an_activity_is_taken_where_it_fits(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    odd = {"quantity": "12 users", "amount": True, "sentiment": "MIXED", "direction": 3, "sourceType": ["x"]}
    good = {"quantity": 3, "amount": 2.5, "sentiment": "negative", "direction": "inbound", "sourceType": "order"}
    for at, details in [(days(4), good), (days(3), odd), (days(2), ["a", "list"]), (days(1), None)]:
        add_activity(database, actor, account, completed_at=at, details=details)
    found = seen(database, actor, account)
    values = [(a.quantity, a.amount, a.sentiment, a.direction, a.source_type) for a in found.activities]
    assert values == [(3.0, 2.5, "NEGATIVE", "inbound", "order"), *[(None,) * 5] * 3]
    assert (found.history.quantities, found.history.window(28).quantity) == (1, 3.0)


def test_missing_sentiment_is_missing(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    for sentiment in ("NEGATIVE", "POSITIVE", None, None):
        add_activity(database, actor, account, completed_at=days(1), details={"sentiment": sentiment})
    assert seen(database, actor, account).metric("negative_sentiment_share").value == 0.5


def test_a_cta_is_open_from_its_creation_until_it_ends(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    titles: dict[str, dict[str, Any]] = {
        "created": {"created_at": NOW},
        "to come": {"created_at": NOW + MOMENT},
        "done": {"status": "COMPLETED", "completed_at": NOW},
        "done later": {"status": "COMPLETED", "completed_at": NOW + MOMENT},
        "done, no date": {"status": "COMPLETED", "updated_at": NOW},
        "cancelled": {"status": "CANCELLED", "updated_at": NOW},
        "cancelled later": {"status": "CANCELLED", "updated_at": NOW + MOMENT},
    }
    for title, fields in titles.items():
        add_cta(database, actor, account, title=title, **{"created_at": days(5), "updated_at": days(5), **fields})
    found = seen(database, actor, account, NOW)
    assert [(cta.id, cta.title) for cta in found.ctas] == [
        ("C1", "done later"),
        ("C2", "cancelled later"),
        ("C3", "created"),
    ]
    assert {(cta.status, cta.priority, cta.due_at, cta.overdue_days) for cta in found.ctas} == {(None,) * 4}


def test_overdue_days_of_the_present(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    for due in (days(3), days(0.5), NOW + timedelta(days=3), None):
        add_cta(database, actor, account, due_date=due, priority="HIGH")
    found = seen(database, actor, account)
    assert [cta.overdue_days for cta in found.ctas] == [3, 0, 0, None]
    assert {(cta.status, cta.priority) for cta in found.ctas} == {("OPEN", "HIGH")}


def test_a_deal_is_open_until_it_closed_and_seen_for_90_days_after(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    deals: dict[str, dict[str, Any]] = {
        "open": {},
        "lost later": {"status": "LOST", "actual_close_date": NOW + MOMENT},
        "won": {"status": "WON", "actual_close_date": NOW},
        "lost": {"status": "LOST", "actual_close_date": days(90) + MOMENT},
        "long ago": {"status": "WON", "actual_close_date": days(90)},
        "no date": {"status": "LOST", "actual_close_date": None, "updated_at": days(10)},
        "to come": {"created_at": NOW + MOMENT},
    }
    for name, fields in deals.items():
        add_opportunity(database, actor, account, name=name, **{"created_at": days(200), **fields})
    found = seen(database, actor, account, NOW).opportunities
    assert [(deal.id, deal.name, deal.status, deal.closed_at) for deal in found] == [
        ("O1", "open", "OPEN", None),
        ("O2", "lost later", "OPEN", None),
        ("O3", "won", "WON", NOW),
        ("O4", "lost", "LOST", days(90) + MOMENT),
        ("O5", "no date", "LOST", days(10)),
    ]


def test_stage_amount_and_probability_of_a_deal_are_known_of_the_present_only(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    close = NOW + timedelta(days=20)
    stage = add_stage(database, actor, name="Contract")
    fields = {"amount": Decimal("1200.50"), "probability": 60, "expected_close_date": close, "currency": "EUR"}
    add_opportunity(database, actor, account, stage_id=stage, **fields)
    (deal,) = seen(database, actor, account).opportunities
    known = (deal.stage, deal.amount, deal.probability, deal.expected_close, deal.currency)
    assert known == ("Contract", Decimal("1200.50"), 60, close, "EUR")
    (deal,) = seen(database, actor, account, NOW).opportunities
    assert (deal.stage, deal.amount, deal.probability, deal.expected_close) == (None,) * 4


UNDATED = {"type": "CHURNED", "health_score": 11, "engagement_score": 22, "churn_risk": 0.9}


def test_what_has_no_history_is_known_of_the_present_only(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor, custom_fields={"tier": "gold"}, **UNDATED)
    now, then = seen(database, actor, account).profile, seen(database, actor, account, NOW).profile
    assert (now.type, now.health_score, now.engagement_score, now.churn_risk) == tuple(UNDATED.values())
    assert (now.owner_id, dict(now.custom_fields)) == (actor.user_id, {"tier": "gold"})
    assert now.owner_name is not None
    assert (then.type, then.health_score, then.engagement_score, then.churn_risk) == (None,) * 4
    assert (then.owner_id, then.owner_name, dict(then.custom_fields)) == (None, None, {})


def test_a_past_that_a_snapshot_covers_is_known(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor, **UNDATED)
    cta = add_cta(database, actor, account, created_at=days(9), priority="LOW", due_date=NOW)
    due = days(4).isoformat()
    then = {str(cta): {"status": "SNOOZED", "priority": "HIGH", "due": due}}
    facts = {"type": "CUSTOMER", "ownerId": 7, "engagementScore": 5, "churnRisk": 0.25}
    add_snapshot(database, actor, account, days(3), healthScore=33, ctas=then, **facts)
    add_snapshot(database, actor, account, days(1), healthScore=44)
    found = seen(database, actor, account, days(2))
    profile = found.profile
    assert (profile.type, profile.owner_id, profile.health_score, profile.engagement_score, profile.churn_risk) == (
        "CUSTOMER", 7, 33, 5, 0.25,
    )  # fmt: skip
    assert [(c.status, c.priority, c.due_at, c.overdue_days) for c in found.ctas] == [("SNOOZED", "HIGH", days(4), 2)]
    assert seen(database, actor, account, days(1)).profile.health_score == 44
    assert seen(database, actor, account, days(3) - MOMENT).profile.health_score is None


def test_the_newest_change_is_the_whole_truth_and_a_listing_adds_to_it(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor, created_at=days(700))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    add_reference(database, actor, account, "A-1")
    add_fact(database, actor, account, "timeless", valid_from=epoch, segment="SMB", currency="EUR")
    add_fact(database, actor, account, valid_from=days(400), arr=Decimal(100), seats=10, plan="Pro", owner_email="a@b")
    add_fact(database, actor, account, valid_from=days(100), arr=Decimal(80), seats=9, renewal_date=days(-30))
    add_fact(database, actor, account, "listed", valid_from=days(20), arr=Decimal(70), lifecycle_stage="Adopt")
    add_fact(database, actor, account, "listed", valid_from=NOW + MOMENT, arr=Decimal(1))
    found = seen(database, actor, account).profile
    assert (found.reference, found.segment, found.currency, found.age_days) == ("A-1", "SMB", "EUR", 700)
    assert (found.arr, found.arr_before, found.seats, found.seats_before) == (Decimal(70), Decimal(80), 9, 9)
    assert (found.plan, found.renewal_date, found.days_to_renewal) == (None, date(2026, 7, 30), 30)
    assert found.lifecycle_stage == "Adopt"
    before = seen(database, actor, account, days(100) - MOMENT).profile
    assert (before.arr, before.plan, before.seats, before.owner_name) == (Decimal(100), "Pro", 10, "a@b")
    assert seen(database, actor, account, days(401)).profile.segment == "SMB"


def test_custom_fields_are_dated(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor, custom_fields={"nps": 1, "tier": "gold", "nested": {"a": 1}})
    add_fact(database, actor, account, "custom", valid_from=days(50), custom_fields={"nps": 7, "region": "EU"})
    add_fact(database, actor, account, "custom", valid_from=days(10), custom_fields={"nps": 9})
    assert seen(database, actor, account).profile.custom_fields == {"nps": 9, "region": "EU", "tier": "gold"}
    assert seen(database, actor, account, days(20)).profile.custom_fields == {"nps": 7, "region": "EU"}


def test_metrics_and_their_evidence_ids(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    for kind, at in [("MEETING", 2.5), ("EMAIL", 5), ("EMAIL", 6), ("CALL", 40), ("CALL", 80), ("CALL", 85)]:
        add_activity(database, actor, account, type=kind, completed_at=days(at))
    found = seen(database, actor, account)
    assert [(m.id, m.name, m.value) for m in found.metrics] == [
        ("M1", "days_since_last_activity", 2.0),
        ("M2", "activities_30d", 3.0),
        ("M3", "meetings_30d", 1.0),
        ("M4", "emails_30d", 2.0),
        ("M5", "activity_change", 1.0),
        ("M6", "negative_sentiment_share", None),
    ]


def test_nothing_known_is_unknown_and_not_zero(database: Database) -> None:
    actor = add_tenant(database)
    found = seen(database, actor, add_account(database, actor))
    assert {m.value for m in found.metrics} == {None}
    assert found.completeness.score == 0
    assert len(found.completeness.missing) == 4


def test_completeness_grows_with_what_is_known(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    scores = [seen(database, actor, account).completeness.score]
    for at in (14, 29):
        add_health(database, actor, account, calculated_at=days(at))
        add_health(database, actor, account, calculated_at=NOW)
        scores.append(seen(database, actor, account).completeness.score)
    for at in (1, 60):
        add_activity(database, actor, account, completed_at=days(at))
        scores.append(seen(database, actor, account).completeness.score)
    add_fact(database, actor, account, arr=Decimal(5), renewal_date=NOW)
    complete = seen(database, actor, account).completeness
    assert [*scores, complete.score] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert complete.missing == ()
