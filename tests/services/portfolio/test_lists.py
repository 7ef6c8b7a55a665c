"""Which accounts are listed, and in what order, a page at a time."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import Flag, PortfolioQuery, QueueRow, Sort
from cs_ml.services import portfolio as module
from cs_ml.services.portfolio import PortfolioService
from cs_ml.store.database import Database
from tests.services.portfolio.customers import EVERYBODY, add_contract
from tests.support.factories import (
    add_account,
    add_cta,
    add_prediction,
    add_reference,
    add_user,
)


def names(rows: Sequence[QueueRow]) -> list[str]:
    return [row.name for row in rows]


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (Sort.RISK, "Alder Cedar Birch Dogwood"),  # .5 x 4/3, .8 x 1/4, .2 x 2/3
        (Sort.PROBABILITY, "Cedar Alder Birch Dogwood"),
        (Sort.RENEWAL, "Alder Birch Cedar Dogwood"),
        (Sort.ARR, "Alder Cedar Birch Dogwood"),
        (Sort.NAME, "Alder Birch Cedar Dogwood"),
    ],
)
def test_the_order(portfolio: PortfolioService, actor: Actor, sort: Sort, expected: str) -> None:
    assert names(portfolio.show(actor, PortfolioQuery(sort=sort)).rows) == expected.split()


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (PortfolioQuery(bands=frozenset({RiskBand.HIGH, RiskBand.CRITICAL})), "Alder Cedar"),
        (PortfolioQuery(segments=frozenset({"Enterprise"})), "Birch"),
        (PortfolioQuery(renewal_days=20), "Alder"),
        (PortfolioQuery(renewal_days=19), ""),
        (PortfolioQuery(renewal_days=90), "Alder Birch"),
        (PortfolioQuery(search=" ALD"), "Alder"),
        (PortfolioQuery(search="%"), ""),
        (PortfolioQuery(search="_"), ""),
        (PortfolioQuery(search="\0/\ud800"), ""),
        (PortfolioQuery(flags=frozenset({Flag.NO_HEALTH})), "Dogwood"),
        (PortfolioQuery(flags=frozenset({Flag.NO_TOUCH})), "Alder Birch"),
        (PortfolioQuery(flags=frozenset({Flag.NO_TOUCH, Flag.NO_HEALTH})), ""),
        (PortfolioQuery(work="open"), "Alder Cedar"),
        (PortfolioQuery(work="overdue"), "Alder"),
        (PortfolioQuery(work="open", bands=frozenset({RiskBand.CRITICAL})), "Cedar"),
    ],
)
def test_a_filter(portfolio: PortfolioService, actor: Actor, query: PortfolioQuery, expected: str) -> None:
    shown = portfolio.show(actor, query)
    assert names(shown.rows) == expected.split()
    assert shown.matching == len(expected.split())
    assert shown.tiles.accounts == 4
    assert names(list(portfolio.export(actor, query))) == expected.split()


def test_a_reference_is_found(
    portfolio: PortfolioService, database: Database, actor: Actor, accounts: dict[str, int]
) -> None:
    add_reference(database, actor, accounts["Cedar"], "NW-0042")
    assert names(portfolio.show(actor, PortfolioQuery(search="nw-00")).rows) == ["Cedar"]


@pytest.mark.usefixtures("accounts")
def test_high_risk_without_an_open_cta(portfolio: PortfolioService, database: Database, actor: Actor) -> None:
    elm = add_account(database, actor, name="Elm")
    add_prediction(database, actor, elm, category="critical", probability=0.9)
    add_cta(database, actor, elm, status="CANCELLED")
    assert names(portfolio.show(actor, PortfolioQuery(flags=frozenset({Flag.NO_CTA}))).rows) == ["Elm"]


@pytest.mark.parametrize("sort", list(Sort))
def test_pages_have_no_gaps_and_no_doubles(
    portfolio: PortfolioService, database: Database, actor: Actor, sort: Sort
) -> None:
    for number in range(23):
        account = add_account(database, actor, name=f"Twin {number % 4}")
        if number % 3:
            add_contract(database, actor, account, arr=1000 * (number % 2 + 1), renews_in=30 * (number % 5 - 1))
        if number % 2:
            add_prediction(database, actor, account, probability=(number % 6) / 10)
    query = PortfolioQuery(sort=sort)
    everything = [row.account_id for row in portfolio.show(actor, query, limit=100).rows]
    assert len(set(everything)) == 23
    found: list[int] = []
    after = None
    sizes = []
    while True:
        page = portfolio.show(actor, query, after=after, limit=5)
        found += [row.account_id for row in page.rows]
        sizes.append(len(page.rows))
        after = page.next
        if after is None:
            break
    assert (found, sizes) == (everything, [5, 5, 5, 5, 3])


@pytest.mark.parametrize("after", ["", "x", "[1]", "[null, 1]", '["a", 2]', "[1, null]", "{}", "[[], 3]"])
def test_a_cursor_that_is_none_is_refused(portfolio: PortfolioService, actor: Actor, after: str) -> None:
    with pytest.raises(Invalid):
        portfolio.show(actor, EVERYBODY, after=after)


def test_an_export_goes_over_all_parts(
    portfolio: PortfolioService, database: Database, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {add_account(database, actor) for _ in range(8)}
    monkeypatch.setattr(module, "_EXPORT_PART", 3)
    exported = [row.account_id for row in portfolio.export(actor, EVERYBODY)]
    assert (len(exported), set(exported)) == (8, ids)
    monkeypatch.setattr(module, "MOST_EXPORTED", 6)
    assert len(list(portfolio.export(actor, EVERYBODY))) == 6


@pytest.mark.usefixtures("accounts")
def test_owners_and_segments(portfolio: PortfolioService, database: Database, actor: Actor) -> None:
    bob = add_user(database, name="Bob")
    add_account(database, actor, name="His", owner_id=bob)
    add_account(database, actor, name="Gone", owner_id=add_user(database), archived=True)
    choices = portfolio.choices(actor)
    assert {owner.owner_id: owner.accounts for owner in choices.owners} == {actor.user_id: 4, bob: 1}
    assert (choices.accounts, list(choices.segments)) == (5, ["Enterprise", "SMB"])
    shown = portfolio.show(actor, replace(EVERYBODY, owner_id=bob))
    assert (names(shown.rows), shown.tiles.accounts, shown.matching) == (["His"], 1, 1)
