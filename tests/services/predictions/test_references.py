"""What is much and what is little at a tenant: worked by hand, dated, stored once a week."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.context import TenantReference
from cs_ml.services.predicting.references import reference_at
from cs_ml.store.database import Database
from cs_ml.store.history.references import ReferenceRepository
from cs_ml.store.tables import CRMActivity
from tests.support.factories import NOW, add_account, add_fact, add_health, add_outcome, add_tenant

MONDAY = datetime(2026, 6, 29, tzinfo=UTC)
ACCOUNTS = 21


def crowd(database: Database, actor: Actor, until: datetime = MONDAY) -> list[int]:
    """Account number n was in touch 1 + n times, two days apart, the last time at `until`."""
    ids = [add_account(database, actor) for _ in range(ACCOUNTS)]
    common = {"type": "CALL", "status": "COMPLETED", "ownerId": actor.user_id, "createdById": actor.user_id}
    rows = [
        {**common, "accountId": account, "completedAt": at, "createdAt": at, "updatedAt": at}
        for number, account in enumerate(ids)
        for at in [until - timedelta(days=2 * step) for step in range(number + 1)]
    ]
    with database.write(actor) as scope:
        scope.insert(CRMActivity, rows)
    return ids


def reference(database: Database, actor: Actor, at: datetime = NOW) -> TenantReference:
    return reference_at(database, actor, at, NOW)


def test_quantiles_gaps_and_the_newest_fact(database: Database) -> None:
    actor, other = add_tenant(database), add_tenant(database)
    ids = crowd(database, actor)
    crowd(database, other, MONDAY - timedelta(days=1))
    for number, account in enumerate(ids):
        add_fact(database, actor, account, arr=Decimal(100 * number))
    found = reference(database, actor)
    assert (found.as_of, found.observed_until, found.accounts) == (MONDAY, MONDAY, ACCOUNTS)
    assert found.usual_gap_days == 2.0
    assert found.deciles["activities_365"] == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21]
    assert found.deciles["activities_91"] == found.deciles["activities_365"]
    assert found.deciles["arr"] == [200.0 * step for step in range(11)]


@pytest.mark.parametrize("days", [0, 1, 6])
def test_it_is_that_of_monday(database: Database, days: int) -> None:
    actor = add_tenant(database)
    assert reference(database, actor, MONDAY + timedelta(days=days, hours=23)).as_of == MONDAY


def test_it_is_computed_once_and_read_back_equal(database: Database) -> None:
    actor = add_tenant(database)
    crowd(database, actor)
    first = reference(database, actor)
    crowd(database, actor, MONDAY - timedelta(days=3))
    assert reference(database, actor) == first
    with database.read(actor) as scope:
        assert ReferenceRepository(scope).find(MONDAY) == first
    assert reference(database, actor, NOW + timedelta(days=7)) != first


def test_nothing_after_the_monday_counts(database: Database) -> None:
    actor = add_tenant(database)
    for account in crowd(database, actor, MONDAY + timedelta(milliseconds=1)):
        add_health(database, actor, account, calculated_at=MONDAY + timedelta(milliseconds=1))
        add_fact(database, actor, account, valid_from=MONDAY + timedelta(milliseconds=1), arr=Decimal(5))
    found = reference(database, actor)
    assert (found.observed_until, found.accounts, "arr" in found.deciles) == (
        MONDAY - timedelta(days=2) + timedelta(milliseconds=1),
        20,
        False,
    )


def test_few_accounts_say_nothing(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    add_fact(database, actor, account, arr=Decimal(5))
    add_health(database, actor, account, calculated_at=MONDAY - timedelta(days=4))
    found = reference(database, actor)
    assert (found.deciles, found.usual_gap_days, found.base_rate) == ({}, None, None)
    assert found.observed_until == MONDAY - timedelta(days=4)


def test_the_arr_of_an_account_is_that_of_its_context(database: Database) -> None:
    """The newest change, or a newer listing that names one; each account once."""
    actor = add_tenant(database)
    day = MONDAY - timedelta(days=10)
    for _ in range(20):
        account = add_account(database, actor)
        add_fact(database, actor, account, valid_from=day, arr=Decimal(10))
        add_fact(database, actor, account, "listed", valid_from=day, arr=Decimal(20))
        add_fact(database, actor, account, "listed", valid_from=day + timedelta(days=1), arr=None, plan="Pro")
    gone = add_account(database, actor)
    add_fact(database, actor, gone, valid_from=day, arr=Decimal(99))
    add_fact(database, actor, gone, valid_from=day + timedelta(days=1), arr=None)
    with database.read(actor) as scope:
        assert ReferenceRepository(scope).figures(MONDAY).arr == [10.0] * 20


def test_the_base_rate_comes_from_windows_that_had_ended(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    ended = MONDAY - timedelta(days=90)
    for number in range(30):
        add_outcome(database, actor, account, as_of=ended - timedelta(days=number), churned=number < 6)
    add_outcome(database, actor, account, as_of=ended + timedelta(milliseconds=1), churned=True)
    add_outcome(database, actor, account, as_of=ended, window_days=30, churned=True)
    found = reference(database, actor)
    assert (found.judged, found.base_rate) == (30, 0.2)
    assert reference(database, actor, NOW - timedelta(days=7)).base_rate is None


def test_it_is_the_tenants_whatever_the_actor_sees(database: Database) -> None:
    owner = add_tenant(database)
    crowd(database, owner)
    limited = Actor(tenant_id=owner.tenant_id, role=Role.MEMBER, user_id=10**6, scope="owned")
    assert reference(database, limited).accounts == ACCOUNTS
