"""The timeline of an account, and finding one: what is shown, to whom, and at what cost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import NotFound
from cs_ml.domain.health.timeline import EventKind
from cs_ml.domain.policy import RiskBand
from cs_ml.services.accounts import MOST_HITS, AccountService
from cs_ml.store.database import Database
from cs_ml.store.tables import AccountFact, ExternalRef
from tests.services.counting import statements
from tests.services.predictions.predicting import TestClock
from tests.support.factories import (
    NOW,
    add_account,
    add_churn,
    add_cta,
    add_health,
    add_prediction,
    add_tenant,
    add_user,
)


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


@pytest.fixture
def accounts(database: Database) -> AccountService:
    return AccountService(database, TestClock())


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def add_contract(database: Database, actor: Actor, account: int, valid_from: datetime, **values: object) -> None:
    row = {"accountId": account, "kind": "changed", "validFrom": valid_from, "createdAt": NOW, **values}
    with database.write(actor) as scope:
        scope.insert(AccountFact, [row])


def test_the_days_before_now_oldest_first(database: Database, actor: Actor, accounts: AccountService) -> None:
    account = add_account(database, actor)
    for day, score in ((100, 90), (40, 70), (5, 60)):
        add_health(database, actor, account, calculated_at=ago(day), overall_score=score, usage_score=score - 10)
    quarter = accounts.timeline(actor, account, days=90)
    assert [(reading.at, reading.scores) for reading in quarter.health] == [
        (ago(40), {"overall": 70, "usage": 60}),
        (ago(5), {"overall": 60, "usage": 50}),
    ]
    assert (quarter.since, quarter.until) == (ago(90), NOW)
    assert len(accounts.timeline(actor, account).health) == 3


def test_events_of_every_kind(database: Database, actor: Actor, accounts: AccountService) -> None:
    account = add_account(database, actor)
    add_contract(database, actor, account, ago(200), arr=Decimal(1000), plan="Basic")
    add_contract(database, actor, account, ago(30), arr=Decimal(2500), plan="Basic")
    add_cta(database, actor, account, title="Call", created_at=ago(20), status="COMPLETED", completed_at=ago(10))
    add_cta(database, actor, account, title="Mail", created_at=ago(9), status="CANCELLED", updated_at=ago(8))
    add_prediction(database, actor, account, probability=0.62, category="high", base_rate=0.1, predicted_at=ago(7))
    add_churn(database, actor, account, churned_at=ago(1), reason="Price")
    events = accounts.timeline(actor, account, days=90).events
    assert [(event.at, event.kind, event.text) for event in events] == [
        (ago(30), EventKind.CONTRACT, "ARR 1,000 → 2,500"),
        (ago(20), EventKind.CTA_OPENED, "Call"),
        (ago(10), EventKind.CTA_CLOSED, "Call"),
        (ago(9), EventKind.CTA_OPENED, "Mail"),
        (ago(8), EventKind.CTA_CLOSED, "Mail"),
        (ago(7), EventKind.PREDICTION, "62% chance of leaving within 90 days, high risk"),
        (ago(1), EventKind.CHURN, "Price"),
    ]


def test_looking_back_shows_nothing_later(database: Database, actor: Actor, accounts: AccountService) -> None:
    account = add_account(database, actor)
    add_contract(database, actor, account, ago(90), seats=10)
    add_contract(database, actor, account, ago(50), seats=20, renewalDate=datetime(2027, 1, 1, tzinfo=UTC))
    add_contract(database, actor, account, ago(10), seats=5)
    add_health(database, actor, account, calculated_at=ago(10))
    add_cta(database, actor, account, title="Call", created_at=ago(60), status="COMPLETED", completed_at=ago(10))
    add_prediction(database, actor, account, category="low", base_rate=0.1, predicted_at=ago(10))
    add_churn(database, actor, account, churned_at=ago(10))
    then = accounts.timeline(actor, account, as_of=ago(40))
    assert [(event.kind, event.text) for event in then.events] == [
        (EventKind.CTA_OPENED, "Call"),
        (EventKind.CONTRACT, "seats 10 → 20; renewal date none → 2027-01-01"),
    ]
    assert then.health == []
    assert accounts.past_predictions(actor, account, as_of=ago(40)) == []
    assert accounts.left(actor, account, as_of=ago(40)) is None
    left = accounts.left(actor, account)
    assert left is not None
    assert left.at == ago(10)


def test_past_predictions_oldest_first(database: Database, actor: Actor, accounts: AccountService) -> None:
    account = add_account(database, actor)
    made = {"category": "high", "base_rate": 0.1}
    add_prediction(database, actor, account, probability=0.7, predicted_at=ago(1), actual_outcome=None, **made)
    add_prediction(
        database, actor, account, probability=0.6, predicted_at=ago(200), actual_outcome=True, origin="replay", **made
    )
    add_prediction(database, actor, account, prediction_type="HEALTH_TREND", predicted_at=ago(2), **made)
    first, last = accounts.past_predictions(actor, account)
    assert (first.probability, first.churned, first.origin) == (0.6, True, "replay")
    assert (last.probability, last.churned, last.band) == (0.7, None, RiskBand.HIGH)


def test_the_cost_does_not_grow_with_the_history(database: Database, actor: Actor, accounts: AccountService) -> None:
    account = add_account(database, actor)
    for day in range(30):
        add_health(database, actor, account, calculated_at=ago(day))
        add_cta(database, actor, account, created_at=ago(day))
    with statements(database) as seen:
        found = accounts.timeline(actor, account)
    assert (len(found.health), len(found.events)) == (30, 30)
    assert len(seen) == 4


def test_accounts_of_others_do_not_exist(database: Database, actor: Actor, accounts: AccountService) -> None:
    stranger = add_tenant(database, "other")
    foreign = add_account(database, stranger, name="Foreign")
    colleague = add_account(database, actor, name="Colleague's", owner_id=add_user(database))
    for owner, account in ((stranger, foreign), (actor, colleague)):
        add_prediction(database, owner, account, category="low", base_rate=0.1)
        add_churn(database, owner, account)
    limited = replace(actor, scope="owned")
    for account in (foreign, colleague, 10**9):
        with pytest.raises(NotFound):
            accounts.timeline(limited, account)
        assert accounts.past_predictions(limited, account) == []
        assert accounts.left(limited, account) is None
    assert accounts.search(limited, "") == []
    assert [hit.name for hit in accounts.search(actor)] == ["Colleague's"]


def test_search_finds_names_and_references(database: Database, actor: Actor, accounts: AccountService) -> None:
    ids = {name: add_account(database, actor, name=name) for name in ("North 100%", "Big North", "n_x", "Other")}
    add_account(database, actor, name="North archived", archived=True)
    with database.write(actor) as scope:
        scope.insert(ExternalRef, [{"kind": "account", "ref": "CU-7", "targetId": ids["Other"]}])
    assert [hit.name for hit in accounts.search(actor, " north ")] == ["North 100%", "Big North"]
    assert [(hit.id, hit.reference) for hit in accounts.search(actor, "CU-7")] == [(ids["Other"], "CU-7")]
    assert [hit.name for hit in accounts.search(actor, "0%")] == ["North 100%"]
    assert [hit.name for hit in accounts.search(actor, "_")] == ["n_x"]
    assert accounts.search(actor, "\\") == []


def test_search_never_answers_more_than_a_few(database: Database, actor: Actor, accounts: AccountService) -> None:
    for _ in range(MOST_HITS + 1):
        add_account(database, actor)
    with statements(database) as seen:
        assert len(accounts.search(actor)) == MOST_HITS
    assert len(seen) == 1
