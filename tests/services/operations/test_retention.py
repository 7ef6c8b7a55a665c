"""What has been kept long enough goes at night, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden
from cs_ml.domain.identity.tenant_settings import TenantSettings
from cs_ml.domain.llm.usage import Attempt
from cs_ml.services.identity.leaving import LeavingService
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.operations import retention as module
from cs_ml.services.operations.retention import Due, RetentionService
from cs_ml.store.database import Database
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.tables import Account, AIUsageEvent, AuditEvent, ChurnEvent, UsageDay
from tests.services.operations.test_nights import attempt
from tests.support.factories import NOW, add_account, add_tenant

TODAY = datetime.combine(NOW.astimezone(UTC).date(), time.min, UTC)
LIMIT = TODAY - timedelta(days=200)


@pytest.fixture
def acme(database: Database) -> Actor:
    return add_tenant(database, "acme")


@pytest.fixture
def retention(database: Database) -> RetentionService:
    return RetentionService(database, lambda: NOW, LeavingService(database, lambda: NOW))


def made(at: datetime) -> Attempt:
    return replace(attempt(0, "0.5"), created_at=at)


def keep(database: Database, actor: Actor, *keys: str) -> None:
    for key in keys:
        TenantSettingsService(database, lambda: NOW).set(actor, key, "200")


def calls(database: Database, actor: Actor) -> None:
    """One call just long enough ago, one not, one of somebody else's tool; the days before today are added up."""
    with database.write(actor) as scope:
        usage = UsageRepository(scope)
        usage.save([made(LIMIT - timedelta(seconds=1)), made(LIMIT)], None)
        row = {"id": "crm", "toolId": "crm", "toolName": "CRM", "operation": "x", "model": "m", "estimatedCost": 1}
        scope.insert(AIUsageEvent, [{**row, "createdAt": LIMIT - timedelta(days=300)}])
        usage.roll_up(LIMIT - timedelta(days=1), TODAY)


def churned(database: Database, actor: Actor, account: int, at: datetime) -> None:
    with database.write(actor) as scope:
        scope.insert(ChurnEvent, [{"accountId": account, "churnedAt": at, "approximate": False}])


def accounts(database: Database, actor: Actor) -> set[int]:
    with database.read(actor) as scope:
        return set(scope.execute(select(Account.id)).scalars())


def test_nothing_goes_unless_the_tenant_says_so(database: Database, acme: Actor, retention: RetentionService) -> None:
    calls(database, acme)
    churned(database, acme, add_account(database, acme, type="CHURNED"), LIMIT - timedelta(days=900))
    assert retention.due(acme) == Due(calls=0, customers=0)
    assert retention.apply(acme) == Due(calls=0, customers=0)
    assert retention.due(acme, TenantSettings(keep_calls_days=200, keep_left_days=200)) == Due(calls=1, customers=1)


def test_old_calls_go_and_their_sums_stay(database: Database, acme: Actor, retention: RetentionService) -> None:
    other = add_tenant(database, "other")
    for actor in (acme, other):
        with database.write(actor) as scope:
            UsageRepository(scope).save([made(LIMIT - timedelta(seconds=1))], None)
    keep(database, acme, "keep_calls_days")
    assert retention.apply(acme).calls == 0  # nobody has added them up yet
    calls(database, acme)
    assert retention.due(acme).calls == 2
    assert retention.apply(acme).calls == 2
    assert retention.apply(acme).calls == 0
    with database.read(acme) as scope:
        assert len(scope.execute(select(AIUsageEvent.id)).all()) == 2
        assert scope.execute(select(UsageDay.attempts).order_by(UsageDay.day)).scalars().all() == [2, 1]
        noted = scope.execute(select(AuditEvent.after).where(AuditEvent.action == "retention.applied")).scalars().all()
    assert [entry["calls"] for entry in noted] == [2]
    with database.read(other) as scope:
        assert len(scope.execute(select(AIUsageEvent.id)).all()) == 1


def test_who_left_long_ago_goes_and_who_came_back_stays(
    database: Database, acme: Actor, retention: RetentionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_A_RUN", 2)
    before, after = LIMIT - timedelta(seconds=1), LIMIT
    gone = {add_account(database, acme, type="CHURNED") for _ in range(3)}
    for account in gone:
        churned(database, acme, account, before)
    late, back, here = (
        add_account(database, acme, type="CHURNED"),
        add_account(database, acme),
        add_account(database, acme),
    )
    churned(database, acme, late, before)
    churned(database, acme, late, after)
    churned(database, acme, back, before)
    put_away = add_account(database, acme, archived=True)
    foreign = add_tenant(database, "other")
    elsewhere = add_account(database, foreign, type="CHURNED")
    churned(database, foreign, elsewhere, before)
    keep(database, acme, "keep_left_days")
    assert retention.due(acme).customers == 3
    assert [retention.apply(acme).customers for _ in range(3)] == [2, 1, 0]
    assert accounts(database, acme) == {late, back, here, put_away}
    assert accounts(database, foreign) == {elsewhere}


def test_only_who_manages_the_tenant(acme: Actor, retention: RetentionService) -> None:
    member = Actor(tenant_id=acme.tenant_id, role=Role.MEMBER, user_id=acme.user_id)
    for ask in (retention.due, retention.apply):
        with pytest.raises(Forbidden):
            ask(member)
