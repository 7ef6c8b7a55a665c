"""A tenant, and the services around its CTAs."""

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.store.database import Database
from tests.services.work.working import Work
from tests.support.factories import add_tenant


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database)


@pytest.fixture
def work(database: Database, actor: Actor) -> Work:
    return Work(database, actor)
