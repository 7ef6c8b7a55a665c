"""Contracts, days and a clock for tests of the portfolio."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cs_ml.domain.actor import Actor
from cs_ml.domain.portfolio import PortfolioQuery
from cs_ml.store.database import Database
from tests.support.factories import (
    NOW,
    add_fact,
)

EVERYBODY = PortfolioQuery()
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
