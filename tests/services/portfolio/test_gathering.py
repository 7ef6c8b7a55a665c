"""Gathering the summaries of a large tenant: what moved is written, once, and what is new is there at once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from benchmarks.context import sent
from cs_ml.domain.actor import Actor
from cs_ml.domain.portfolio import PortfolioQuery
from cs_ml.services import portfolio as module
from cs_ml.services.portfolio import PortfolioService
from cs_ml.store.database import Database
from cs_ml.store.portfolio import PortfolioRepository, gathering
from cs_ml.store.tables import Account, AccountSummary
from tests.services.importing.bundles import SMALL, load
from tests.services.predictions.predicting import TestClock
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_cta,
    add_fact,
    add_health,
    add_prediction,
    add_tenant,
)

Summaries = dict[int, tuple[Any, ...]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClock]:
    monkeypatch.setattr(module, "WAITED_FOR", 0)
    monkeypatch.setattr(gathering, "_PART", 2)
    gathering.part.cache_clear()
    yield TestClock()
    gathering.part.cache_clear()


@pytest.fixture
def acme(database: Database) -> Actor:
    actor = add_tenant(database, "acme")
    for number in range(5):
        account = add_account(database, actor, name=f"Account {number}")
        add_fact(database, actor, account, "timeless", currency="USD", segment="SMB")
        add_fact(database, actor, account, arr=1_000 * (number + 1), renewal_date=NOW + timedelta(days=60))
        add_health(database, actor, account, overall_score=30 + number)
        add_prediction(database, actor, account, probability=number / 10, category="low")
    return actor


def accounts_of(database: Database, actor: Actor) -> list[int]:
    with database.read(actor) as scope:
        return list(scope.execute(select(Account.id).order_by(Account.id)).scalars())


def summaries(database: Database, actor: Actor) -> Summaries:
    with database.read(actor) as scope:
        columns = [each for each in AccountSummary.__mapper__.column_attrs if each.key != "tenant_id"]
        rows = scope.execute(select(AccountSummary.account_id, *(getattr(AccountSummary, c.key) for c in columns)))
        return {row[0]: tuple(row[1:]) for row in rows}


def written(database: Database, portfolio: PortfolioService, actor: Actor) -> tuple[list[str], set[int]]:
    """Statements that write summaries, and the accounts whose summary is another after they were gathered."""
    before = summaries(database, actor)
    texts = [text for text, _ in sent(database, lambda: portfolio.refresh(actor)) if '"AccountSummary"' in text]
    after = summaries(database, actor)
    return texts, {key for key in before | after if before.get(key) != after.get(key)}


def test_only_what_moved_is_written(database: Database, acme: Actor, clock: TestClock) -> None:
    portfolio = PortfolioService(database, clock)
    portfolio.refresh(acme)
    first, second, third, *_ = accounts_of(database, acme)
    clock.advance(minutes=5)
    texts, moved = written(database, portfolio, acme)
    assert sum(text.startswith("INSERT") for text in texts) == 3  # parts of two
    assert moved == set()
    add_cta(database, acme, second, created_at=NOW)
    add_activity(database, acme, third, completed_at=NOW + timedelta(minutes=1))
    with database.write(acme) as scope:
        scope.execute(update(Account).where(Account.id == first).values(archived=True))
    clock.advance(minutes=5)
    assert written(database, portfolio, acme)[1] == {first, second, third, *accounts_of(database, acme)[3:]}
    assert set(summaries(database, acme)) == set(accounts_of(database, acme)[1:])


def test_what_moves_by_time_alone_moves(database: Database, acme: Actor, clock: TestClock) -> None:
    portfolio = PortfolioService(database, clock)
    account = accounts_of(database, acme)[2]
    due = NOW + timedelta(hours=1)
    add_cta(database, acme, account, created_at=NOW - timedelta(days=1), due_date=due)
    add_fact(database, acme, account, "listed", valid_from=NOW + timedelta(days=2), renewal_date=NOW)
    portfolio.refresh(acme)
    clock.now = due + timedelta(days=1)
    assert written(database, portfolio, acme)[1] == {account}  # overdue
    clock.now = NOW + timedelta(days=2)
    assert written(database, portfolio, acme)[1] == {account}  # the listed renewal
    clock.now = NOW + timedelta(days=100)
    assert written(database, portfolio, acme)[1] == set(accounts_of(database, acme))  # predictions and scores are old


def test_gathering_again_is_gathering_for_the_first_time(database: Database, acme: Actor, clock: TestClock) -> None:
    portfolio = PortfolioService(database, clock)
    portfolio.refresh(acme)
    add_fact(database, acme, accounts_of(database, acme)[0], arr=9_000, valid_from=NOW + timedelta(minutes=1))
    clock.advance(minutes=5)
    portfolio.refresh(acme)
    again = {key: row[1:] for key, row in summaries(database, acme).items()}
    with database.write(acme) as scope:
        scope.execute(delete(AccountSummary))
    clock.advance(seconds=1)
    portfolio.refresh(acme)
    assert {key: row[1:] for key, row in summaries(database, acme).items()} == again


def test_what_is_being_gathered_is_left_to_whoever_does(database: Database, acme: Actor, clock: TestClock) -> None:
    portfolio = PortfolioService(database, clock)
    portfolio.refresh(acme)
    clock.advance(minutes=5)
    if database.dialect == "sqlite":
        return  # there a writer is alone
    with database.write(Actor.system(acme.tenant_id)) as scope:
        assert PortfolioRepository(scope).refresh(clock.now, found=NOW, wait=True)
        clock.advance(minutes=5)
        assert portfolio.refresh(acme)
    with database.read(acme) as scope:
        found = PortfolioRepository(scope).refreshed()
    assert found is not None
    assert found.at == NOW + timedelta(minutes=5)


def test_imported_accounts_are_there_at_once(database: Database, acme: Actor, clock: TestClock, tmp_path: Path) -> None:
    portfolio = PortfolioService(database, clock)
    portfolio.refresh(acme)
    load(database, acme, tmp_path, {"accounts.csv": SMALL["accounts.csv"]})
    shown = portfolio.show(acme, PortfolioQuery())
    assert shown.tiles.accounts == 5  # of when they were gathered
    assert {"Acme", "Borealis"} <= {row.name for row in shown.rows}
    [found] = portfolio.show(acme, PortfolioQuery(search="acme")).rows
    assert (found.currency, found.size) == ("EUR", 1.0)  # the only ones in euro
    before = summaries(database, acme)
    clock.advance(minutes=5)
    portfolio.refresh(acme)
    assert set(summaries(database, acme)) == set(before)
    assert portfolio.show(acme, PortfolioQuery()).tiles.accounts == 7


def test_others_see_none_of_it(database: Database, acme: Actor, clock: TestClock) -> None:
    other = add_tenant(database, "other")
    add_account(database, other)
    portfolio = PortfolioService(database, clock)
    portfolio.refresh(other)
    theirs = summaries(database, other)
    portfolio.refresh(acme)
    assert summaries(database, other) == theirs
    assert not set(summaries(database, acme)) & set(theirs)
    assert portfolio.show(other, PortfolioQuery()).tiles.accounts == 1
