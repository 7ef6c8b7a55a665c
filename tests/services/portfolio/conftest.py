"""Four customers, and a portfolio that is read live and from summaries."""

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.services import portfolio as module
from cs_ml.services.portfolio import PortfolioService
from cs_ml.store.database import Database
from tests.services.portfolio.customers import HandClock, add_contract, ago
from tests.support.factories import (
    add_account,
    add_activity,
    add_cta,
    add_health,
    add_prediction,
    add_tenant,
)


@pytest.fixture(params=["live", "summary"])
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """Also decides how the portfolio is read."""
    if request.param == "summary":
        monkeypatch.setattr(module, "LIVE_ACCOUNTS", -1)
    return HandClock()


@pytest.fixture
def portfolio(database: Database, clock: HandClock) -> PortfolioService:
    return PortfolioService(database, clock)


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database, "acme")


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
