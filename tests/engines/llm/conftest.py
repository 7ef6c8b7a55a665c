"""A model's server that the test scripts; its requests must conform to the provider's description."""

from collections.abc import Iterator

import pytest

from tests.llm.server import FakeServer, running_server


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with running_server() as fake:
        yield fake
    assert fake.invalid == []
