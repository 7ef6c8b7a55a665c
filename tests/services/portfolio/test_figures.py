"""The portfolio by hand-worked figures, read live and from summaries alike."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import AmountAtRisk, Average, Flag, LossRange, PortfolioQuery
from cs_ml.services.context import ContextService
from cs_ml.services.portfolio import PortfolioService
from cs_ml.store.database import Database
from cs_ml.store.predictions import PredictionRepository
from tests.services.portfolio.customers import EVERYBODY, TIMELESS, HandClock, ago, on_day
from tests.support.factories import (
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
)


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
