"""For every test: no setting and no key of the person who runs it, one PostgreSQL server for the run."""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from cs_ml.store.database import Database
from tests.e2e.security.reporting import Reporter, read_catalogue
from tests.support.databases import (
    postgres_database,
    postgres_template,
    share_compiled_statements,
    sqlite_copy,
    sqlite_template,
)
from tests.support.postgres import PostgresServer, PostgresUnavailableError, postgres_for_tests
from tests.support.requirements import unavailable

if TYPE_CHECKING:
    from tests.support.apps import App

hypothesis.settings.register_profile("default", deadline=None)  # a busy machine is no fault of the code
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--security", action="store_true", help="one line for each security requirement, at full size")


def pytest_configure(config: pytest.Config) -> None:
    """Takes the person's settings and keys away, so that no test can reach a real model or a real database."""
    if config.getoption("--security"):
        config.pluginmanager.register(Reporter(read_catalogue()))
    for name in list(os.environ):
        if name.startswith(("CS_ML_", "OPENAI_")):
            del os.environ[name]
    share_compiled_statements()
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")


@pytest.fixture(autouse=True)
def own_program() -> Iterator[None]:
    """AppTest puts a page in the place of the program, and the processes that a later test starts would run it."""
    program = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = program


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes what a test measured, for its line in `make security`."""
    return partial(record_property, "figure")


@pytest.fixture
def at_full_size(request: pytest.FixtureRequest) -> bool:
    """Whether the run is `make security`, which takes as many cases as the requirement names."""
    return bool(request.config.getoption("--security"))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server for databases of the tests. Where none can be had: skipped, in CI failed."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    try:
        with postgres_for_tests(shared) as server:
            yield server
    except PostgresUnavailableError as error:
        unavailable(f"PostgreSQL is not available: {error}")


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a migrated database, made once, to copy from."""
    with postgres_template(postgres_server) as name:
        yield name


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, made once, to copy from."""
    return sqlite_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated database of this test alone, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield sqlite_copy(request.getfixturevalue("migrated_sqlite"), tmp_path)
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_postgres")
    with postgres_database(server, template=template) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of this test alone, once on SQLite and once on PostgreSQL."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def app(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator["App"]:
    """The app over `database`, for AppTest; nobody is signed in yet."""
    from tests.support.apps import app_over  # Streamlit takes a second to import

    with app_over(database_url, monkeypatch) as opened:
        yield opened
