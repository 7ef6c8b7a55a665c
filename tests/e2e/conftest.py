"""One browser for all journeys."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import make_url

from cs_ml.bootstrap import open_services
from cs_ml.cli.demo import demo_of
from cs_ml.demo.seed import DemoExample
from cs_ml.settings import Settings
from tests.e2e.server import running_app
from tests.e2e.visits import PHRASE, Visit
from tests.support.browser import BROWSER_FLAGS, required_browser
from tests.support.databases import sqlite_copy, sqlite_url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=required_browser(), args=list(BROWSER_FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def demo_database(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoExample]:
    """A database with the demo, made once for all workers of the run to copy from, and what the demo is like."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second waits for it
        done = folder / "done"
        url = sqlite_url(folder / "test.db") if done.exists() else sqlite_copy(migrated_sqlite, folder)
        with open_services(Settings(database_url=url)) as services:
            demo = demo_of(services)
            if not done.exists():
                demo.seed(services.clock(), PHRASE, lambda _: None)
                done.touch()
            return Path(make_url(url).database or ""), demo.example()


@pytest.fixture
def seeded(demo_database: tuple[Path, DemoExample], tmp_path: Path) -> tuple[str, DemoExample]:
    """The address of a copy of the demo's database, and what the demo is like."""
    return sqlite_copy(demo_database[0], tmp_path), demo_database[1]


@pytest.fixture
def visit(browser: Browser, seeded: tuple[str, DemoExample], tmp_path: Path) -> Iterator[Visit]:
    with running_app(seeded[0], tmp_path) as address:
        opened = Visit(browser, address)
        yield opened
        opened.context.close()
        assert opened.faults == []
