"""The portfolio by hand-worked figures, read live and from summaries alike."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import AmountAtRisk, Average, Flag, LossRange, PortfolioQuery, QueueRow, Sort
from cs_ml.services import portfolio as module
from cs_ml.services.context import ContextService
from cs_ml.services.portfolio import PortfolioService
from cs_ml.store.database import Database
from cs_ml.store.predictions import PredictionRepository
from tests.factories import (
    NOW,
    add_account,
    add_activity,
    add_cta,
    add_fact,
    add_health,
    add_opportunity,
    add_prediction,
    add_reference,
    add_tenant,
    add_user,
)

EVERYBODY = PortfolioQuery()
LIVE, SUMMARY = "live", "summary"
TIMELESS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class HandClock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def on_day(days: int) -> datetime:
    """Midnight so many days from today."""
    return NOW.replace(hour=0) + timedelta(days=days)


@pytest.fixture(params=[LIVE, SUMMARY])
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """Also decides how the portfolio is read."""
    if request.param == SUMMARY:
        monkeypatch.setattr(module, "LIVE_ACCOUNTS", -1)
    return HandClock()


@pytest.fixture
def portfolio(database: Database, clock: HandClock) -> PortfolioService:
    return PortfolioService(database, clock)


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


def add_contract(
    database: Database,
    actor: Actor,
    account: int,
    *,
    arr: int,
    renews_in: int,
    currency: str = "USD",
    segment: str = "SMB",
) -> None:
    add_fact(database, actor, account, "timeless", valid_from=TIMELESS, currency=currency, segment=segment)
    add_fact(database, actor, account, arr=arr, renewal_date=on_day(renews_in))


@pytest.fixture
def accounts(database: Database, actor: Actor) -> dict[str, int]:
    """Four customers by name, and two that do not count."""
    made = {name: add_account(database, actor, name=name) for name in ("Alder", "Birch", "Cedar", "Dogwood")}
    alder, birch, cedar = made["Alder"], made["Birch"], made["Cedar"]
    add_contract(database, actor, alder, arr=100_000, renews_in=20)
    add_contract(database, actor, birch, arr=50_000, renews_in=75, segment="Enterprise")
    add_contract(database, actor, cedar, arr=40_000, renews_in=200, currency="EUR")
    for account, band, probability in ((alder, "high", 0.5), (birch, "low", 0.2), (cedar, "critical", 0.8)):
        add_prediction(database, actor, account, category=band, probability=probability, drivers=["First", "Second"])
    for account, score, days in ((alder, 60, 1), (alder, 70, 31), (birch, 80, 2), (birch, 78, 45), (cedar, 30, 0)):
        add_health(database, actor, account, overall_score=score, calculated_at=ago(days))
    add_activity(database, actor, alder, completed_at=ago(40))
    add_activity(database, actor, birch, completed_at=ago(1), type="OTHER")
    add_activity(database, actor, birch, completed_at=ago(1), type="MEETING", status="NO_SHOW")
    add_activity(database, actor, cedar, completed_at=ago(1))
    add_cta(database, actor, alder, due_date=ago(3))
    add_cta(database, actor, alder, status="COMPLETED", due_date=ago(3), completed_at=ago(1))
    add_cta(database, actor, cedar, due_date=ago(-3))
    add_cta(database, actor, cedar, status="SNOOZED", due_date=ago(0.5))
    add_account(database, actor, name="Left", type="CHURNED")
    add_account(database, actor, name="Archived", archived=True)
    return made


def names(rows: Sequence[QueueRow]) -> list[str]:
    return [row.name for row in rows]


@pytest.mark.usefixtures("accounts")
def test_the_tiles(portfolio: PortfolioService, actor: Actor) -> None:
    shown = portfolio.show(actor, EVERYBODY)
    tiles = shown.tiles
    assert (tiles.accounts, tiles.predicted, shown.matching) == (4, 3, 4)
    assert tiles.health.value == pytest.approx(170 / 3)
    assert tiles.health.n == 3
    assert tiles.health_change == Average(value=-4.0, n=2)  # -10 and +2; nobody else had a score 30 days ago
    assert tiles.accounts_at_risk == 2
    assert {sums.currency: sums for sums in tiles.at_risk} == {
        "USD": AmountAtRisk(currency="USD", amount=Decimal(100_000), accounts=1),
        "EUR": AmountAtRisk(currency="EUR", amount=Decimal(40_000), accounts=1),
    }
    # USD: mean 60,000, variance .5 x .5 x 1e10 + .2 x .8 x 2.5e9 = 2.9e9, so 60,000 + 1.2816 x 53,852; EUR: at most all
    assert {loss.currency: loss for loss in tiles.losses} == {
        "USD": LossRange(currency="USD", low=Decimal(0), high=Decimal(129_016), accounts=2),
        "EUR": LossRange(currency="EUR", low=Decimal(0), high=Decimal(40_000), accounts=1),
    }
    assert tiles.renewals == {30: 1, 60: 1, 90: 2}
    assert (tiles.open_ctas, tiles.overdue_ctas) == (3, 1)
    assert tiles.flags == {Flag.NO_CTA: 0, Flag.NO_HEALTH: 1, Flag.STALE: 1, Flag.NO_TOUCH: 2}
    assert tiles.checked_at == NOW


@pytest.mark.usefixtures("accounts")
def test_no_account_is_no_error(portfolio: PortfolioService, database: Database) -> None:
    nobody = add_tenant(database)
    shown = portfolio.show(nobody, EVERYBODY)
    assert (shown.tiles.accounts, shown.rows, shown.next, shown.tiles.losses) == (0, [], None, [])
    assert shown.tiles.health == Average(value=None, n=0)
    assert portfolio.choices(nobody).accounts == 0


def test_a_row(portfolio: PortfolioService, database: Database, actor: Actor, accounts: dict[str, int]) -> None:
    add_reference(database, actor, accounts["Alder"], "A-1")
    row = portfolio.show(actor, EVERYBODY).rows[0]
    assert (row.account_id, row.reference, row.name, row.segment) == (accounts["Alder"], "A-1", "Alder", "SMB")
    assert (row.arr, row.currency, row.urgency) == (Decimal(100_000), "USD", 1.0)
    assert row.size == pytest.approx(4 / 3)
    assert (row.renewal_date, row.days_to_renewal) == (on_day(20).date(), 20)
    assert row.health == (70, 60)
    assert (row.touched_at, row.open_ctas, row.overdue_ctas) == (ago(40), 1, 1)
    assert row.risk is not None
    assert (row.risk.probability, row.risk.band, row.risk.drivers) == (0.5, RiskBand.HIGH, ("First", "Second"))
    assert (row.risk.completeness, row.risk.engine, row.risk.as_of) == (0.9, "rules", NOW)
    last = portfolio.show(actor, EVERYBODY).rows[-1]
    assert (last.name, last.risk, last.arr, last.size, last.urgency, last.health) == ("Dogwood", None, None, 1, 0.5, ())


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


def test_a_prediction_counts_while_it_is_valid(
    portfolio: PortfolioService, database: Database, actor: Actor, clock: HandClock
) -> None:
    account = add_account(database, actor)
    made = ago(20)
    add_prediction(database, actor, account, as_of=made, predicted_at=made, valid_until=made + timedelta(days=30))
    add_prediction(database, actor, account, status="EXPIRED", probability=0.9)
    add_prediction(database, actor, account, prediction_type="HEALTH_TREND", probability=0.9)
    add_prediction(database, actor, account, prediction_window=30, probability=0.9)
    (row,) = portfolio.show(actor, EVERYBODY).rows
    assert row.risk is not None
    assert row.risk.probability == 0.25
    assert portfolio.show(actor, EVERYBODY).tiles.flags[Flag.STALE] == 1  # older than two weeks
    clock.now = made + timedelta(days=30)
    assert portfolio.show(actor, EVERYBODY).rows[0].risk is None


def test_new_facts_are_counted_as_on_the_account_page(
    portfolio: PortfolioService, database: Database, actor: Actor
) -> None:
    account, other = add_account(database, actor), add_account(database, actor)
    for each in (account, other):
        add_prediction(database, actor, each, as_of=ago(10), predicted_at=ago(10))
    for days in (3, 10, 11, -1):
        add_health(database, actor, account, calculated_at=ago(days))
    add_activity(database, actor, account, completed_at=ago(2))
    add_cta(database, actor, account, created_at=ago(20), completed_at=ago(1), status="COMPLETED")
    add_cta(database, actor, account, created_at=ago(9), completed_at=ago(1), status="COMPLETED")
    add_opportunity(database, actor, account, created_at=ago(4))
    add_fact(database, actor, account, valid_from=ago(5), arr=1)
    shown = {row.account_id: row.risk.new_facts for row in portfolio.show(actor, EVERYBODY).rows if row.risk}
    assert shown == {account: 6, other: 0}
    with database.read(actor) as scope:
        assert PredictionRepository(scope).new_facts_since(account, ago(10), NOW) == 6


def test_a_health_score_is_of_the_last_90_days_and_a_line_has_one_point_a_week(
    portfolio: PortfolioService, database: Database, actor: Actor
) -> None:
    old, daily = add_account(database, actor, name="Old"), add_account(database, actor, name="Daily")
    add_health(database, actor, old, calculated_at=ago(90))
    for day in range(100):
        add_health(database, actor, daily, calculated_at=ago(day), overall_score=day % 100)
    shown = portfolio.show(actor, EVERYBODY)
    assert {row.name: row.health for row in shown.rows} == {"Old": (), "Daily": tuple(range(77, -1, -7))}
    assert (shown.tiles.health.n, shown.tiles.health.value) == (1, 0)


def test_attributes_are_those_of_a_context(portfolio: PortfolioService, database: Database, actor: Actor) -> None:
    chance = random.Random(5)
    ids = [add_account(database, actor) for _ in range(40)]
    days = [ago(number) for number in (-20, 3, 10, 10, 30, 60)]
    for account in ids:
        for kind in ("changed", "listed"):
            for day in set(chance.sample(days, chance.randint(0, 3))):
                arr, renewal = chance.choice([None, chance.randint(1, 9) * 1000]), chance.choice([None, on_day(40)])
                add_fact(database, actor, account, kind, valid_from=day, arr=arr, renewal_date=renewal)
        if chance.random() < 0.8:
            add_fact(database, actor, account, "timeless", valid_from=TIMELESS, currency="USD", segment="SMB")
    contexts = ContextService(database, lambda: NOW).gather_contexts(actor, ids)
    expected = {
        key: (found.profile.arr, found.profile.currency, found.profile.segment, found.profile.renewal_date)
        for key, found in contexts.items()
    }
    rows = portfolio.show(actor, EVERYBODY).rows
    assert {row.account_id: (row.arr, row.currency, row.segment, row.renewal_date) for row in rows} == expected
    assert len({arr for arr, *_ in expected.values()}) > 3
    listed = {row.account_id for row in portfolio.show(actor, PortfolioQuery(renewal_days=40)).rows}
    assert listed == {key for key, found in contexts.items() if found.profile.renewal_date}


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
