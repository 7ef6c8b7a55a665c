"""What moved in a portfolio: by week, from band to band, and who."""

from datetime import timedelta
from decimal import Decimal

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Invalid
from cs_ml.domain.policy import HealthBand
from cs_ml.services.health.movements import MovementService
from cs_ml.store.database import Database
from tests.services.counting import statements
from tests.services.predictions.predicting import TestClock
from tests.support.factories import NOW, add_account, add_fact, add_health, add_tenant, add_user

SINCE = NOW - timedelta(days=30)


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


@pytest.fixture
def service(database: Database) -> MovementService:
    return MovementService(database, TestClock())


def moved(database: Database, actor: Actor, before: int, after: int, **account: object) -> int:
    account_id = add_account(database, actor, **account)
    add_fact(database, actor, account_id, arr=Decimal(1_000))
    add_fact(database, actor, account_id, kind="timeless", currency="EUR")
    parts = {"usage_score": before, "support_score": 50}
    add_health(database, actor, account_id, calculated_at=NOW - timedelta(days=40), overall_score=before, **parts)
    parts = {"usage_score": after, "support_score": 45}
    add_health(database, actor, account_id, calculated_at=NOW - timedelta(days=2), overall_score=after, **parts)
    return account_id


def test_accounts_by_band_at_the_end_of_each_week(database: Database, service: MovementService, actor: Actor) -> None:
    moved(database, actor, 85, 35)
    weeks = service.movements(actor, None, SINCE).weeks
    assert [dict(week.accounts) for week in weeks[-7:]] == [
        {None: 1},
        *[{HealthBand.EXCELLENT: 1}] * 5,
        {HealthBand.POOR: 1},
    ]
    assert weeks[-1].at == NOW


def test_from_band_to_band_with_money(database: Database, service: MovementService, actor: Actor) -> None:
    moved(database, actor, 85, 35)
    moved(database, actor, 90, 30)
    moved(database, actor, 65, 66)
    found = {(one.before, one.after): one for one in service.movements(actor, None, SINCE).moves}
    down = found[HealthBand.EXCELLENT, HealthBand.POOR]
    assert (down.accounts, down.arr, down.with_arr, down.currency) == (2, Decimal(2_000), 2, "EUR")
    assert found[HealthBand.GOOD, HealthBand.GOOD].accounts == 1


def test_who_moved_most_and_why(database: Database, service: MovementService, actor: Actor) -> None:
    moved(database, actor, 65, 66)
    worst = moved(database, actor, 90, 30)
    better = moved(database, actor, 50, 62)
    found = service.movements(actor, None, SINCE)
    assert [one.account_id for one in found.movers] == [worst, better]
    assert found.moved == 2
    assert (found.movers[0].cause, found.movers[0].cause_points) == ("usage", -60)
    assert (found.movers[1].cause, found.movers[1].cause_points) == ("usage", 12)


def test_an_owner_and_a_limited_actor_see_their_own(database: Database, service: MovementService, actor: Actor) -> None:
    colleague = add_user(database)
    moved(database, actor, 85, 35)
    theirs = moved(database, actor, 85, 35, owner_id=colleague)
    limited = Actor(tenant_id=actor.tenant_id, role=Role.MEMBER, user_id=colleague, scope="owned")
    for found in (service.movements(actor, colleague, SINCE), service.movements(limited, None, SINCE)):
        assert [one.account_id for one in found.movers] == [theirs]
        assert sum(one.accounts for one in found.moves) == 1
        assert dict(found.weeks[-1].accounts) == {HealthBand.POOR: 1}


def test_as_many_statements_for_many_accounts_as_for_one(
    database: Database, service: MovementService, actor: Actor
) -> None:
    moved(database, actor, 85, 35)
    with statements(database) as one:
        service.movements(actor, None, SINCE)
    for _ in range(20):
        moved(database, actor, 85, 35)
    with statements(database) as many:
        service.movements(actor, None, SINCE)
    assert len(many) == len(one)


def test_a_day_to_come_is_refused(service: MovementService, actor: Actor) -> None:
    with pytest.raises(Invalid):
        service.movements(actor, None, NOW)
