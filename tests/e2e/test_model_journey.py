"""Somebody asks for a new prediction by a language model and closes the tab before it answers."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cs_ml.domain.actor import Actor, Role
from cs_ml.services.identity.access import AccessService
from cs_ml.store.database import Database
from tests.e2e.server import running_app
from tests.e2e.visits import PHRASE, WAIT_MS, Visit
from tests.llm.server import FakeServer, running_server
from tests.services.llm.faulty import GOOD
from tests.services.predictions.predicting import claims, stored
from tests.support.databases import sqlite_copy
from tests.support.factories import add_account, add_tenant

EMAIL = "ada@example.com"
THINKING_S = 2.0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A model that thinks the second time; what the app is started with points to it."""
    with running_server() as fake:
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        fake.script(GOOD, replace(GOOD, delay_s=THINKING_S))
        yield fake
    assert fake.invalid == []


@pytest.fixture
def database(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_copy(migrated_sqlite, tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def owner(database: Database) -> Actor:
    made = add_tenant(database, "acme", name="Acme Inc")
    access = AccessService(database, lambda: datetime.now(UTC))
    access.add_user(made, EMAIL, role=Role.MEMBER, name="Ada", password=PHRASE)
    return made


def test_who_closes_the_tab_finds_the_answer_later(
    browser: Browser,
    server: FakeServer,
    database: Database,
    owner: Actor,
    tmp_path: Path,
) -> None:
    account = add_account(database, owner, name="Initech")
    with running_app(str(database.engine.url), tmp_path) as address:
        visit = Visit(browser, address)
        visit.open(f"/account?account={account}")
        visit.sign_in(email=EMAIL)
        expect(visit.page.get_by_text("How this was made")).to_be_visible(timeout=3 * WAIT_MS)  # the first use of all
        visit.page.get_by_role("button", name="Refresh", exact=True).click()
        wait_for(lambda: len(server.requests) == 2)
        visit.page.close()
        wait_for(lambda: stored(database, owner, prediction_type="CHURN") == 2 and claims(database, owner) == 0)

        again = visit.context.new_page()
        again.set_default_timeout(WAIT_MS)
        again.goto(f"{address}/account?account={account}")
        expect(again.get_by_text("from the store")).to_be_visible()
        expect(again.get_by_text("How this was made")).to_be_visible()
        visit.context.close()
    assert len(server.requests) == 2
    assert stored(database, owner, status="ACTIVE", prediction_type="CHURN") == 1
    assert visit.faults == []


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 3 * WAIT_MS / 1000
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
