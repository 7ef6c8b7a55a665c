"""Bundles that several test modules look at; making them takes seconds, so each is made once."""

import pytest

from cs_ml.demo.bundle import Bundle
from cs_ml.demo.generator import DEFAULT_SEED, TENANTS, generate
from tests.demo.cells import OWNERS, TODAY


@pytest.fixture(scope="session")
def bundles() -> dict[str, Bundle]:
    return {tenant.slug: generate(DEFAULT_SEED, TODAY, tenant, OWNERS) for tenant in TENANTS}


@pytest.fixture(scope="session")
def many() -> list[Bundle]:
    return [generate(seed, TODAY, tenant, OWNERS) for seed in range(100, 108) for tenant in TENANTS]
