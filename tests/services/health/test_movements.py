"""What moved in a portfolio: by week, from band to band, and who."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Invalid
from cs_ml.domain.health.movements import BandWeek
from cs_ml.domain.policy import HealthBand
from cs_ml.services.health import movements as module
from cs_ml.services.health.derived import derived_scores
from cs_ml.services.health.movements import MovementService
from cs_ml.services.health.reading import read_health
from cs_ml.store.bulk.importing import ImportStore
from cs_ml.store.database import Database
from cs_ml.store.history.scores import HealthScoreRepository
from cs_ml.store.tables import BandDay
from tests.services.counting import statements
from tests.services.predictions.predicting import TestClock
from tests.support.factories import NOW, add_account, add_activity, add_cta, add_fact, add_health, add_tenant, add_user

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


class TestManyAccounts:
    """Past weeks are counted once a day, and say what the scores say."""

    @pytest.fixture
    def colleague(self, database: Database, actor: Actor, monkeypatch: pytest.MonkeyPatch) -> int:
        """An owner; the tenant is a large one."""
        colleague = add_user(database)
        for number in range(6):
            owner = {"owner_id": colleague} if number % 2 else {}
            moved(database, actor, 25 + 10 * number, 85 - 10 * number, **owner)
        monkeypatch.setattr(module, "LIVE_ACCOUNTS", 3)
        return colleague

    def weeks(self, service: MovementService, actor: Actor, colleague: int) -> list[list[BandWeek]]:
        """Everybody's, an owner's, and those of somebody limited to what they own."""
        limited = Actor(tenant_id=actor.tenant_id, role=Role.MEMBER, user_id=colleague, scope="owned")
        asked = ((actor, None), (actor, colleague), (limited, None))
        return [list(service.movements(who, owner, SINCE).weeks) for who, owner in asked]

    def test_they_are_the_same(
        self,
        database: Database,
        service: MovementService,
        actor: Actor,
        colleague: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        stranger = add_tenant(database)
        moved(database, stranger, 85, 35)
        assert service.count_bands(actor)
        assert not service.count_bands(stranger)
        first = kept(database, actor)
        counted = self.weeks(service, actor, colleague)
        service.count_bands(actor)
        assert kept(database, actor) == first
        monkeypatch.setattr(module, "LIVE_ACCOUNTS", 500)
        with database.write(actor) as scope:
            scope.execute(delete(BandDay))
        assert self.weeks(service, actor, colleague) == counted
        assert [sum(week.accounts.values()) for week in (weeks[0] for weeks in counted)] == [6, 3, 3]
        assert kept(database, actor) == []  # the scores themselves answered

    def test_they_are_read_from_what_was_counted_and_never_by_whom_they_do_not_concern(
        self, database: Database, service: MovementService, actor: Actor, colleague: int
    ) -> None:
        before = self.weeks(service, actor, colleague)  # counts them
        with database.write(actor) as scope:
            scope.execute(update(BandDay).values(accounts=BandDay.accounts + 100))
        everybody, owner, limited = self.weeks(service, actor, colleague)
        for found, was in ((everybody, before[0]), (owner, before[1])):
            assert [sum(week.accounts.values()) > 100 for week in found] == [True] * 11 + [False]
            assert found[-1] == was[-1]
        assert limited == before[2]

    def test_days_are_counted_anew_each_day_and_after_an_import_of_older_scores(
        self, database: Database, actor: Actor, colleague: int
    ) -> None:
        clock = TestClock()
        service = MovementService(database, clock)
        self.weeks(service, actor, colleague)
        with database.write(actor) as scope:
            ImportStore(scope).drop_references("2026-06-01 00:00:00.000")
        assert max(row.day for row in kept(database, actor)) < date(2026, 6, 1)
        self.weeks(service, actor, colleague)
        assert max(row.day for row in kept(database, actor)) == date(2026, 6, 23)
        clock.advance(days=1)
        self.weeks(service, actor, colleague)
        days = {row.day for row in kept(database, actor)}
        assert days >= {date(2026, 6, 24) - timedelta(weeks=number) for number in range(11)}
        clock.advance(days=90)
        self.weeks(service, actor, colleague)
        assert len({row.day for row in kept(database, actor)}) == 11


def kept(database: Database, actor: Actor) -> list[Any]:
    columns = (BandDay.day, BandDay.owner_id, BandDay.band, BandDay.accounts)
    with database.read(actor) as scope:
        return sorted(scope.execute(select(*columns)).all())


def test_a_day_to_come_is_refused(service: MovementService, actor: Actor) -> None:
    with pytest.raises(Invalid):
        service.movements(actor, None, NOW)


def heard_of(database: Database, actor: Actor, days: range, **account: object) -> int:
    """An account with activity on these days before now, of a tenant whose CRM sends no scores."""
    account_id = add_account(database, actor, **account)
    add_fact(database, actor, account_id, arr=Decimal(1_000))
    add_fact(database, actor, account_id, kind="timeless", currency="EUR")
    for day in days:
        add_activity(database, actor, account_id, completed_at=NOW - timedelta(days=day))
    return account_id


def test_without_scores_of_the_crm_derived_ones_move_and_say_so(
    database: Database, service: MovementService, actor: Actor
) -> None:
    heard_of(database, actor, range(0, 300, 4))
    silent = heard_of(database, actor, range(34, 300, 4))
    heard_of(database, actor, range(0))
    found = service.movements(actor, None, SINCE)
    assert found.derived
    assert [one.account_id for one in found.movers] == [silent]
    assert (found.movers[0].before, found.movers[0].cause) == (92, "engagement")
    assert found.movers[0].after < 40  # 92: the last contact was 4 days before, and one less in four weeks than usual
    moves = {(one.before, one.after): (one.accounts, one.arr, one.with_arr) for one in found.moves}
    assert moves == {
        (HealthBand.EXCELLENT, HealthBand.EXCELLENT): (1, Decimal(1_000), 1),
        (HealthBand.EXCELLENT, HealthBand.POOR): (1, Decimal(1_000), 1),
        (None, None): (1, Decimal(1_000), 1),
    }
    assert dict(found.weeks[0].accounts) == {HealthBand.EXCELLENT: 2, None: 1}
    assert dict(found.weeks[-1].accounts) == {HealthBand.EXCELLENT: 1, HealthBand.POOR: 1, None: 1}


def test_derived_scores_of_a_day_long_ago_are_those_of_the_account(
    database: Database, service: MovementService, actor: Actor
) -> None:
    """Before the weeks that are shown: the same score that the account's own history has."""
    account = heard_of(database, actor, range(200, 500, 3))
    for days in (250, 60):
        since = NOW - timedelta(days=days)
        mover = next(iter(service.movements(actor, None, since).movers), None)
        readings, derived = read_health(database, actor, account, since - timedelta(days=2), since)
        assert derived
        assert mover is None or mover.before == readings[-1].scores["overall"]
        assert (mover is None) == (days == 60)


def test_one_score_of_the_crm_ends_the_derived_ones(database: Database, service: MovementService, actor: Actor) -> None:
    account = heard_of(database, actor, range(34, 300, 4))
    add_health(database, actor, account, calculated_at=NOW - timedelta(days=1), overall_score=50)
    found = service.movements(actor, None, SINCE)
    assert not found.derived
    assert found.movers == []


def test_derived_movements_respect_the_scope_and_cost_no_statement_for_each_account(
    database: Database, service: MovementService, actor: Actor
) -> None:
    colleague = add_user(database)
    theirs = heard_of(database, actor, range(34, 300, 4), owner_id=colleague)
    limited = Actor(tenant_id=actor.tenant_id, role=Role.MEMBER, user_id=colleague, scope="owned")
    with statements(database) as one:
        service.movements(actor, None, SINCE)
    for _ in range(5):
        heard_of(database, actor, range(34, 300, 40))
    with statements(database) as many:
        service.movements(actor, None, SINCE)
    assert len(many) == len(one)
    assert [one.account_id for one in service.movements(limited, None, SINCE).movers] == [theirs]


def test_a_derived_score_depends_on_its_own_account_alone(database: Database, actor: Actor) -> None:
    """Somebody else's risk is none of it, and a day before the first one stays as it was."""
    account, other = (heard_of(database, actor, range(34, 300, 4)) for _ in range(2))
    add_cta(database, actor, other, type="RISK", created_at=NOW - timedelta(days=3))
    with database.read(actor) as scope:
        repository = HealthScoreRepository(scope)
        both = derived_scores(repository, [account, other], NOW, days=9).overall
        alone = derived_scores(repository, [account], NOW, days=9).overall
    assert both[0].tolist() == alone[0].tolist()
    assert [one == two for one, two in zip(*both.tolist(), strict=True)] == [True] * 5 + [False] * 4
