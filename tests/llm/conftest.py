"""A model's server that the test scripts; its requests must conform to the provider's description."""

from collections.abc import Iterator

import pytest

from tests.llm.asking import VALID, asking
from tests.llm.server import FakeServer, answer, running_server


@pytest.fixture(scope="session", autouse=True)
def loaded() -> None:
    """One call before all others: on a busy machine the client's packages take seconds to load."""
    with running_server() as fake, asking(fake.url, timeout_s=60) as asker:
        fake.script(answer(VALID))
        asker.ask()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with running_server() as fake:
        yield fake
    assert fake.invalid == []
