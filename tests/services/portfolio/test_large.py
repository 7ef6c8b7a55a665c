"""A tenant so large that its figures and its order are kept with the summaries: it shows what the others would."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import Portfolio, PortfolioQuery, Sort
from cs_ml.services import portfolio as module
from cs_ml.services.portfolio import PortfolioService
from cs_ml.store.database import Database
from tests.services.operations.working import limited
from tests.services.predictions.predicting import TestClock
from tests.support.factories import NOW, add_account, add_cta, add_fact, add_health, add_prediction, add_tenant

QUERIES = [
    *(PortfolioQuery(sort=sort) for sort in Sort),
    PortfolioQuery(bands=frozenset({RiskBand.HIGH})),
    PortfolioQuery(search="account 1"),
    PortfolioQuery(renewal_days=60, work="open"),
]


@pytest.fixture
def acme(database: Database) -> Actor:
    actor = add_tenant(database, "acme")
    for number in range(23):
        account = add_account(database, actor, name=f"Account {number}")
        add_fact(database, actor, account, "timeless", currency="USD" if number % 3 else "EUR", segment="SMB")
        add_fact(
            database, actor, account, arr=None if number % 7 == 0 else 1_000 * number, renewal_date=_days(7 * number)
        )
        add_health(database, actor, account, overall_score=30 + number)
        if number % 5:
            category = "high" if number % 2 else "low"
            add_prediction(database, actor, account, probability=(number * 37 % 100) / 100, category=category)
        if number % 4 == 0:
            add_cta(database, actor, account)
    return actor


def _days(days: int) -> object:
    return NOW + timedelta(days=days)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> TestClock:
    monkeypatch.setattr(module, "LIVE_ACCOUNTS", 5)
    return TestClock()


def pages(portfolio: PortfolioService, actor: Actor, query: PortfolioQuery) -> tuple[list[int], list[float], Portfolio]:
    """Ids and sizes in order, page by page, and the first page."""
    first = shown = portfolio.show(actor, query, limit=4)
    rows = list(shown.rows)
    while shown.next:
        shown = portfolio.show(actor, query, after=shown.next, limit=4)
        rows += shown.rows
    return [row.account_id for row in rows], [round(row.size * row.urgency, 9) for row in rows], first


def test_it_shows_the_same(database: Database, acme: Actor, clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> None:
    portfolio = PortfolioService(database, clock)
    usual = [pages(portfolio, acme, query) for query in QUERIES]
    choices = portfolio.choices(acme)
    monkeypatch.setattr(module, "WAITED_FOR", 5)
    kept = [pages(portfolio, acme, query) for query in QUERIES]
    assert [(ids, sizes) for ids, sizes, _ in kept] == [(ids, sizes) for ids, sizes, _ in usual]
    assert [(first.matching, first.tiles) for *_, first in kept] == [
        (first.matching, first.tiles) for *_, first in usual
    ]
    assert (portfolio.choices(acme), choices.accounts) == (choices, 23)


def test_nobody_waits_for_it_and_a_schedule_gathers_it(
    database: Database, acme: Actor, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    portfolio = PortfolioService(database, clock)
    assert not portfolio.refresh(acme)
    monkeypatch.setattr(module, "WAITED_FOR", 5)
    portfolio.show(acme, PortfolioQuery())
    clock.advance(minutes=50)
    assert portfolio.show(acme, PortfolioQuery()).tiles.checked_at == NOW
    assert portfolio.refresh(acme)
    assert portfolio.show(acme, PortfolioQuery()).tiles.checked_at == clock.now
    clock.advance(hours=2)
    assert portfolio.show(acme, PortfolioQuery()).tiles.checked_at == clock.now  # no schedule ran


def test_who_owns_few_accounts_sees_those_alone(
    database: Database, acme: Actor, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITED_FOR", 5)
    portfolio = PortfolioService(database, clock)
    portfolio.show(acme, PortfolioQuery())
    nobody = limited(acme, 4_711)
    assert portfolio.show(nobody, PortfolioQuery()).tiles.accounts == 0
    assert portfolio.choices(nobody).accounts == 0
    assert portfolio.show(replace(acme, scope="owned"), PortfolioQuery()).tiles.accounts == 23
