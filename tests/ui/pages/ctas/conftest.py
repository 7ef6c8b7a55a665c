"""The app with a signed-in owner, at NOW."""

from collections.abc import Iterator

import pytest
import time_machine

from cs_ml.store.database import Database
from tests.services.work.working import Work
from tests.support.apps import App
from tests.support.factories import NOW, add_tenant


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def work(app: App, database: Database) -> Work:
    actor = add_tenant(database, "acme")
    app.sign_in(actor)
    return Work(database, actor)
