"""Usage, cost and the monthly budget, on both databases."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.usage import NO_TOKENS, Attempt, Fault, TokenUsage, UsageSum
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.llm.usage import UsageService
from cs_ml.store.database import Database
from tests.support.factories import NOW, add_tenant

MODEL = "gpt-4.1-mini"
MONTH = datetime(2026, 6, 1, tzinfo=UTC)
NEXT_MONTH = datetime(2026, 7, 1, tzinfo=UTC)
DONE = Attempt(
    operation="churn-prediction",
    model=MODEL,
    usage=TokenUsage(prompt=800, completion=120, cached=512),
    latency_ms=900,
    success=True,
    error_type=None,
    cost=Decimal("0.000358"),
    price_version="2026-11-22",
    created_at=NOW,
)
FAILED = replace(DONE, usage=NO_TOKENS, success=False, error_type=Fault.TIMEOUT, cost=Decimal(0))
UNPRICED = replace(DONE, model="own", cost=None)


@pytest.fixture
def usage(database: Database) -> UsageService:
    return UsageService(database, lambda: NOW)


def set_budget(database: Database, actor: Actor, amount: str) -> None:
    TenantSettingsService(database, lambda: NOW).set(actor, "llm_budget_usd_month", amount)


def test_each_attempt_is_one_event(database: Database, usage: UsageService) -> None:
    actor, other = add_tenant(database), add_tenant(database)
    yesterday = replace(DONE, created_at=NOW - timedelta(days=1))
    usage.settle(actor, [FAILED, DONE, UNPRICED], account_id=7, reservation=None)
    usage.settle(actor, [yesterday], account_id=None, reservation=None)
    usage.settle(other, [DONE], account_id=7, reservation=None)
    usage.settle(other, [], account_id=7, reservation=None)
    today = UsageSum(
        day=date(2026, 6, 30),
        model=MODEL,
        operation="churn-prediction",
        attempts=2,
        failed=1,
        prompt_tokens=800,
        completion_tokens=120,
        cost=Decimal("0.000358"),
        unknown_cost=0,
        unsettled=0,
    )
    assert usage.sums(actor, MONTH, NEXT_MONTH) == [
        replace(today, day=date(2026, 6, 29), attempts=1, failed=0),
        today,
        replace(today, model="own", attempts=1, failed=0, cost=Decimal(0), unknown_cost=1),
    ]
    assert usage.sums(actor, NOW, NEXT_MONTH)[0].day == date(2026, 6, 30)
    assert usage.sums(actor, MONTH, NOW)[-1].day == date(2026, 6, 29)


def test_without_a_budget_nothing_is_reserved(database: Database, usage: UsageService) -> None:
    actor = add_tenant(database)
    assert usage.reserve(actor, "churn-prediction", MODEL, Decimal(1000)) is None
    assert usage.reserve(actor, "churn-prediction", "own", None) is None
    assert usage.sums(actor, MONTH, NEXT_MONTH) == []


def test_a_reservation_becomes_what_was_spent(database: Database, usage: UsageService) -> None:
    actor = add_tenant(database)
    set_budget(database, actor, "1")
    reservation = usage.reserve(actor, "churn-prediction", MODEL, Decimal("0.9"))
    (under_way,) = usage.sums(actor, MONTH, NEXT_MONTH)
    assert (under_way.unsettled, under_way.attempts, under_way.failed) == (1, 0, 0)
    assert under_way.cost == Decimal("0.9")
    with pytest.raises(EngineUnavailable, match="of 1 USD") as refused:
        usage.reserve(actor, "churn-prediction", MODEL, Decimal("0.2"))
    assert refused.value.reason == Fault.BUDGET
    usage.settle(actor, [DONE], account_id=7, reservation=reservation)
    (settled,) = usage.sums(actor, MONTH, NEXT_MONTH)
    assert (settled.unsettled, settled.attempts, settled.cost) == (0, 1, Decimal("0.000358"))
    assert usage.reserve(actor, "churn-prediction", MODEL, Decimal("0.9"))


def test_a_budget_cannot_be_kept_without_a_price(database: Database, usage: UsageService) -> None:
    actor = add_tenant(database)
    set_budget(database, actor, "100")
    with pytest.raises(EngineUnavailable, match="CS_ML_LLM_PRICES"):
        usage.reserve(actor, "churn-prediction", "own", None)
    assert usage.reserve(actor, "churn-prediction", "own", Decimal(0))


def test_the_budget_is_spent_to_the_last_cent_and_no_further(database: Database, usage: UsageService) -> None:
    actor = add_tenant(database)
    set_budget(database, actor, "0.30")
    for _ in range(3):
        usage.reserve(actor, "churn-prediction", MODEL, Decimal("0.1"))
    with pytest.raises(EngineUnavailable):
        usage.reserve(actor, "churn-prediction", MODEL, Decimal("0.000001"))
    set_budget(database, actor, "0")
    with pytest.raises(EngineUnavailable):
        usage.reserve(actor, "churn-prediction", MODEL, Decimal("0.000001"))


def test_the_month_is_that_of_the_tenant(database: Database, usage: UsageService) -> None:
    actor = add_tenant(database)
    set_budget(database, actor, "1")
    TenantSettingsService(database, lambda: NOW).set(actor, "zone", "Asia/Tokyo")
    for at, room in ((datetime(2026, 5, 31, 14, 59, tzinfo=UTC), True), (datetime(2026, 5, 31, 15, tzinfo=UTC), False)):
        usage.settle(actor, [replace(DONE, cost=Decimal(1), created_at=at)], account_id=None, reservation=None)
        if room:
            usage.settle(
                actor, [], account_id=None, reservation=usage.reserve(actor, "churn-prediction", MODEL, Decimal(1))
            )
        else:
            with pytest.raises(EngineUnavailable):
                usage.reserve(actor, "churn-prediction", MODEL, Decimal(1))


def test_a_hundred_at_once_overspend_by_nothing(database: Database, usage: UsageService) -> None:
    actor = add_tenant(database)
    set_budget(database, actor, "0.10")
    let_through: list[str | None] = []
    refused: list[str] = []
    barrier = threading.Barrier(100)

    def ask() -> None:
        barrier.wait()
        try:
            reservation = usage.reserve(actor, "churn-prediction", MODEL, Decimal("0.01"))
        except EngineUnavailable as error:
            refused.append(error.reason)
        else:
            let_through.append(reservation)
            usage.settle(actor, [replace(DONE, cost=Decimal("0.01"))], account_id=7, reservation=reservation)

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_through) == 10
    assert refused == [Fault.BUDGET] * 90
    (spent,) = usage.sums(actor, MONTH, NEXT_MONTH)
    assert (spent.attempts, spent.cost, spent.unsettled) == (10, Decimal("0.10"), 0)


def test_another_tenants_reservation_cannot_be_released(database: Database, usage: UsageService) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    set_budget(database, mine, "1")
    reservation = usage.reserve(mine, "churn-prediction", MODEL, Decimal("0.5"))
    usage.settle(theirs, [], account_id=None, reservation=reservation)
    assert usage.sums(mine, MONTH, NEXT_MONTH)[0].unsettled == 1
