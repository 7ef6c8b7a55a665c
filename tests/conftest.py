"""For every test: no setting and no key of the person who runs it, one PostgreSQL server for the run."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests.support.postgres import PostgresServer, PostgresUnavailableError, postgres_for_tests
from tests.support.requirements import unavailable

hypothesis.settings.register_profile("default", deadline=None)  # a busy machine is no fault of the code
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


def pytest_configure() -> None:
    """Takes the person's settings and keys away, so that no test can reach a real model or a real database."""
    for name in list(os.environ):
        if name.startswith(("CS_ML_", "OPENAI_")):
            del os.environ[name]
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")


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
