"""A signed-in owner, and three accounts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from cs_ml.domain.actor import Actor
from cs_ml.store.database import Database
from tests.support.apps import App
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


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def actor(app: App, database: Database) -> Actor:
    """A signed-in owner of a tenant."""
    made = add_tenant(database, "acme")
    app.sign_in(made)
    return made


@pytest.fixture
def accounts(database: Database, actor: Actor) -> dict[str, int]:
    """Two accounts of the actor's, one of a colleague's."""
    bob = add_user(database, name="Bob Colleague")
    made = {
        "Fenbrook": add_account(database, actor, name="Fenbrook"),
        "Larkmere": add_account(database, actor, name="Larkmere"),
        "Thornabee": add_account(database, actor, name="Thornabee", owner_id=bob),
    }
    risks = {"Fenbrook": (0.85, "critical"), "Larkmere": (0.1, "low"), "Thornabee": (0.65, "high")}
    for name, (probability, band) in risks.items():
        account = made[name]
        add_fact(database, actor, account, "timeless", valid_from=datetime(1970, 1, 1, tzinfo=UTC), currency="USD")
        add_fact(database, actor, account, arr=48_000, renewal_date=NOW + timedelta(days=30))
        add_health(database, actor, account, overall_score=40)
        add_health(database, actor, account, overall_score=44, calculated_at=NOW - timedelta(days=31))
        add_prediction(database, actor, account, probability=probability, category=band, drivers=["Usage fell"])
    add_cta(database, actor, made["Fenbrook"], due_date=NOW - timedelta(days=4))
    add_reference(database, actor, made["Fenbrook"], "FB-1")
    return made
