"""The model's server of the client's own tests."""

from tests.llm import conftest

server = conftest.server
