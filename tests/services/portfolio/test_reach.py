"""Who sees which accounts of a portfolio, at what cost, and how old its figures may be."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.portfolio import Portfolio, PortfolioQuery, Sort
from cs_ml.services import portfolio as module
from cs_ml.services.portfolio import LIVE_ACCOUNTS, SUMMARY_AGE, PortfolioService
from cs_ml.store.database import Database
from cs_ml.store.portfolio import PortfolioRepository
from cs_ml.store.scope import Scope
from cs_ml.store.tables import Account
from tests.services.counting import statements
from tests.services.portfolio.customers import EVERYBODY, HandClock
from tests.support.crm import unbind
from tests.support.factories import (
    NOW,
    add_account,
    add_cta,
    add_fact,
    add_health,
    add_prediction,
    add_reference,
    add_tenant,
    add_user,
)


@pytest.fixture(params=["live", "summary"])
def portfolio(request: pytest.FixtureRequest, database: Database, monkeypatch: pytest.MonkeyPatch) -> PortfolioService:
    if request.param == "summary":
        monkeypatch.setattr(module, "LIVE_ACCOUNTS", -1)
    return PortfolioService(database, HandClock())


def add_customer(database: Database, actor: Actor, **values: object) -> int:
    """An account with something in every tile."""
    account = add_account(database, actor, **values)
    add_fact(database, actor, account, "timeless", currency="USD", segment=f"Segment of {actor.tenant_id}")
    add_fact(database, actor, account, arr=1000, renewal_date=NOW + timedelta(days=5))
    add_health(database, actor, account)
    add_cta(database, actor, account, due_date=NOW - timedelta(days=5))
    add_prediction(database, actor, account, category="high", probability=0.7)
    return account


def figures(shown: Portfolio) -> Sequence[object]:
    tiles = shown.tiles
    amounts = [(sums.currency, sums.amount, sums.accounts) for sums in tiles.at_risk]
    return [
        tiles.accounts,
        tiles.predicted,
        tiles.health.n,
        tiles.accounts_at_risk,
        amounts,
        [loss.accounts for loss in tiles.losses],
        tiles.renewals[30],
        (tiles.open_ctas, tiles.overdue_ctas),
        sorted(tiles.flags.values()),
        shown.matching,
        [row.account_id for row in shown.rows],
    ]


def test_another_tenant_changes_nothing(
    portfolio: PortfolioService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = add_tenant(database)
    own = add_customer(database, mine)
    alone = figures(portfolio.show(mine, EVERYBODY))
    theirs = add_tenant(database)
    account = add_customer(database, theirs)
    add_reference(database, theirs, account, "THEIRS-1")
    # Rows of theirs that point to our account are accidents of a CRM: the door itself refuses to write them.
    unbind(database)
    monkeypatch.setattr(Scope, "require_accounts", lambda *_: None)
    add_health(database, theirs, own, overall_score=1)
    add_cta(database, theirs, own)
    add_fact(database, theirs, own, "listed", arr=9, valid_from=NOW)
    add_prediction(database, theirs, own, probability=0.99)
    add_reference(database, theirs, own, "THEIRS-2")
    portfolio.show(theirs, EVERYBODY)
    shown = portfolio.show(mine, EVERYBODY)
    assert figures(shown) == alone
    (row,) = shown.rows
    assert (row.reference, row.health, row.open_ctas, row.risk and row.risk.probability) == (None, (75,), 1, 0.7)
    assert [owner.owner_id for owner in portfolio.choices(mine).owners] == [mine.user_id]
    assert list(portfolio.choices(mine).segments) == [f"Segment of {mine.tenant_id}"]
    assert [row.account_id for row in portfolio.export(mine, EVERYBODY)] == [own]
    assert portfolio.show(mine, replace(EVERYBODY, search="THEIRS")).matching == 0
    assert portfolio.show(mine, replace(EVERYBODY, owner_id=theirs.user_id)).tiles.accounts == 0


def test_out_of_scope_accounts_do_not_exist(portfolio: PortfolioService, database: Database) -> None:
    owner = add_tenant(database)
    user = add_user(database)
    add_customer(database, owner, name="Other")
    own = add_customer(database, owner, name="Own", owner_id=user)
    actor = Actor(tenant_id=owner.tenant_id, role=Role.VIEWER, user_id=user, scope="owned")
    portfolio.show(owner, EVERYBODY)  # a summary that others had made holds all
    for query in (EVERYBODY, replace(EVERYBODY, owner_id=user)):
        shown = portfolio.show(actor, query)
        assert figures(shown) == [1, 1, 1, 1, [("USD", 1000, 1)], [1], 1, (1, 1), [0, 0, 0, 1], 1, [own]]
        assert [row.account_id for row in portfolio.export(actor, query)] == [own]
        assert shown.rows[0].size == 1
    assert portfolio.show(actor, replace(EVERYBODY, owner_id=owner.user_id)).tiles.accounts == 0
    choices = portfolio.choices(actor)
    assert [(each.owner_id, each.accounts) for each in choices.owners] == [(user, 1)]


def test_a_cursor_leads_no_further_than_the_scope(portfolio: PortfolioService, database: Database) -> None:
    owner = add_tenant(database)
    user = add_user(database)
    ids = [add_account(database, owner, name=f"N{number}") for number in range(4)]
    actor = Actor(tenant_id=owner.tenant_id, role=Role.MEMBER, user_id=user, scope="owned")
    query = PortfolioQuery(sort=Sort.NAME)
    after = portfolio.show(owner, query, limit=1).next
    assert [row.account_id for row in portfolio.show(owner, query, after=after).rows] == ids[1:]
    assert portfolio.show(actor, query, after=after).rows == []


def count(database: Database, portfolio: PortfolioService, actor: Actor) -> int:
    portfolio.show(actor, EVERYBODY)
    with statements(database) as seen:
        shown = portfolio.show(actor, EVERYBODY)
    assert shown.rows
    return len(seen)


def add_many(database: Database, actor: Actor, number: int) -> None:
    row = {"type": "CUSTOMER", "ownerId": actor.user_id, "createdAt": NOW, "updatedAt": NOW}
    with database.write(actor) as scope:
        scope.insert(Account, [row | {"name": f"Account {each}"} for each in range(number)])


def test_ten_thousand_accounts_cost_as_many_statements_as_a_hundred(database: Database) -> None:
    clock = HandClock()
    portfolio = PortfolioService(database, clock)
    actor = add_tenant(database)
    add_customer(database, actor)
    add_many(database, actor, 99)
    few = count(database, portfolio, actor)
    # The summaries, how many there are, figures, rows in order; SQLite has no arrays, and asks for health apart.
    assert few == (4 if database.dialect == "postgresql" else 5)
    add_many(database, actor, LIVE_ACCOUNTS)
    many = count(database, portfolio, actor)
    assert many == few
    add_many(database, actor, 10_000 - 100 - LIVE_ACCOUNTS)
    clock.now += SUMMARY_AGE
    assert count(database, portfolio, actor) == many
    assert portfolio.show(actor, EVERYBODY).tiles.accounts == 10_000
    with statements(database) as seen:
        portfolio.choices(actor)
    assert len(seen) == 3


class TestSummaries:
    """Large tenants are read from summaries: how old they may be, and what is never old."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> HandClock:
        monkeypatch.setattr(module, "LIVE_ACCOUNTS", 0)
        return HandClock()

    @pytest.fixture
    def portfolio(self, database: Database, clock: HandClock) -> PortfolioService:
        return PortfolioService(database, clock)

    @pytest.fixture
    def actor(self, database: Database) -> Actor:
        return add_tenant(database)

    @pytest.fixture
    def account(self, database: Database, actor: Actor, portfolio: PortfolioService) -> int:
        """A customer of whom a summary was made at NOW."""
        made = add_customer(database, actor)
        assert portfolio.show(actor, EVERYBODY).tiles.checked_at == NOW
        return made

    def test_figures_are_of_the_time_that_they_name_and_rows_of_now(
        self, database: Database, actor: Actor, portfolio: PortfolioService, clock: HandClock, account: int
    ) -> None:
        add_cta(database, actor, account)
        clock.now = NOW + SUMMARY_AGE - timedelta(seconds=1)
        shown = portfolio.show(actor, EVERYBODY)
        assert (shown.tiles.checked_at, shown.tiles.open_ctas, shown.rows[0].open_ctas) == (NOW, 1, 2)
        clock.now = NOW + SUMMARY_AGE
        shown = portfolio.show(actor, EVERYBODY)
        assert (shown.tiles.checked_at, shown.tiles.open_ctas, shown.rows[0].open_ctas) == (clock.now, 2, 2)

    def test_new_predictions_are_seen_within_half_a_minute(
        self, database: Database, actor: Actor, portfolio: PortfolioService, clock: HandClock
    ) -> None:
        account = add_account(database, actor)
        assert portfolio.show(actor, EVERYBODY).tiles.predicted == 0
        add_prediction(database, actor, account, predicted_at=NOW + timedelta(seconds=1))
        clock.now = NOW + timedelta(seconds=29)
        assert portfolio.show(actor, EVERYBODY).tiles.predicted == 0
        clock.now = NOW + timedelta(seconds=30)
        assert portfolio.show(actor, EVERYBODY).tiles.predicted == 1

    @pytest.mark.usefixtures("account")
    def test_an_account_that_is_newer_counts_already_and_one_that_left_no_more(
        self, database: Database, actor: Actor, portfolio: PortfolioService
    ) -> None:
        newer = add_account(database, actor, name="Newer")
        shown = portfolio.show(actor, EVERYBODY)
        assert (shown.tiles.accounts, shown.tiles.predicted, shown.tiles.open_ctas) == (2, 1, 1)
        assert [row.account_id for row in portfolio.show(actor, replace(EVERYBODY, search="newer")).rows] == [newer]
        other = add_user(database)
        assert portfolio.show(actor, replace(EVERYBODY, owner_id=other)).tiles.accounts == 0

    @pytest.mark.usefixtures("account")
    def test_of_two_at_once_one_refreshes(self, database: Database, actor: Actor, portfolio: PortfolioService) -> None:
        later = NOW + SUMMARY_AGE
        for second in (0, 1):  # both found the summaries of NOW
            with database.write(Actor.system(actor.tenant_id)) as scope:
                PortfolioRepository(scope).refresh(later + timedelta(seconds=second), found=NOW, wait=True)
        with database.read(actor) as scope:
            found = PortfolioRepository(scope).refreshed()
        assert found is not None
        assert (found.at, found.accounts) == (later, 1)
        assert portfolio.show(actor, EVERYBODY).tiles.accounts == 1

    @pytest.mark.usefixtures("account")
    def test_another_tenants_refresh_leaves_ours(
        self, database: Database, actor: Actor, portfolio: PortfolioService, clock: HandClock
    ) -> None:
        theirs = add_tenant(database)
        add_customer(database, theirs)
        clock.now = NOW + timedelta(minutes=1)
        portfolio.show(theirs, EVERYBODY)
        shown = portfolio.show(actor, EVERYBODY)
        assert (shown.tiles.checked_at, shown.tiles.predicted) == (NOW, 1)
