"""The portfolio walks through the accounts, and from there finds everything by the account's index."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.context import sent
from benchmarks.customers import NOW, add_tenant
from cs_ml.domain.portfolio import PortfolioQuery
from cs_ml.services import portfolio as module
from cs_ml.services.health import movements
from cs_ml.services.health.movements import MovementService
from cs_ml.services.portfolio import PortfolioService
from cs_ml.store.database import Database
from tests.store.test_plans import ACCOUNTS, plan, wide_reads, without_sequential_scans

# A read of one of these that is not narrowed to an account grows with the age of the tenant. (PostgreSQL may well read
# all contracts of a tenant at once when it is asked for all accounts: they are few.)
HISTORIES = ("AccountHealthScoreHistory", "CRMActivity", '"CTA', "SEARCH CTA ", "Opportunity")


def histories_read_widely(steps: list[str]) -> list[str]:
    """Reads of a history that go beyond an account. PostgreSQL names the table one line above the condition."""
    wide = set(wide_reads(steps))
    named = [
        before + step if step.startswith("Index") else step for before, step in pairwise(["", *steps]) if step in wide
    ]
    return [text for text in named if any(table in text for table in HISTORIES)]


@pytest.mark.parametrize("most_live", [1000, -1], ids=["live", "summary"])
@pytest.mark.parametrize("scope", ["all", "owned"])
def test_histories_are_read_by_account(
    database: Database, scope: Any, most_live: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIVE_ACCOUNTS", most_live)
    add_tenant(database, "other", ACCOUNTS, seed=2)
    owner, _ = add_tenant(database, "ours", ACCOUNTS)
    actor = replace(owner, scope=scope)
    portfolio = PortfolioService(database, lambda: NOW)
    asked = [
        (text, params)
        for text, params in sent(database, lambda: portfolio.show(actor, PortfolioQuery()))
        if text.startswith(("SELECT", "WITH")) and " FROM " in text.replace("\n", " ")
    ]
    assert len(asked) >= (4 if database.dialect == "postgresql" else 5)  # there, health comes with the rows
    with without_sequential_scans(database) as connection:
        plans = [plan(connection, *statement) for statement in asked]
    assert [histories_read_widely(steps) for steps in plans] == [[]] * len(plans)


def plan_of(database: Database, table: str, look: Callable[[], object]) -> list[str]:
    """The plan of the one statement about a table, once that was filled by a first look."""
    look()
    [asked] = [(text, params) for text, params in sent(database, look) if f'"{table}"' in text]
    with without_sequential_scans(database) as connection:
        return plan(connection, *asked)


def test_the_first_page_of_a_large_tenant_is_read_in_the_order_of_an_index(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIVE_ACCOUNTS", "WAITED_FOR"):
        monkeypatch.setattr(module, name, 0)
    actor, _ = add_tenant(database, "ours", ACCOUNTS)
    add_tenant(database, "other", ACCOUNTS, seed=2)
    portfolio = PortfolioService(database, lambda: NOW)
    steps = plan_of(database, "AccountSummary", lambda: portfolio.show(actor, PortfolioQuery(), limit=5))
    assert any("AccountSummary_tenantId_riskKey_accountId_idx" in step for step in steps), steps


def test_summaries_are_gathered_by_account(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITED_FOR", 0)
    actor, _ = add_tenant(database, "ours", ACCOUNTS)
    add_tenant(database, "other", ACCOUNTS, seed=2)
    portfolio = PortfolioService(database, lambda: NOW)
    portfolio.refresh(actor)
    asked = [
        (text, params)
        for text, params in sent(database, lambda: portfolio.refresh(actor))
        if text.startswith('INSERT INTO "AccountSummary"')
    ]
    assert len(asked) == 1  # a part of many accounts
    with without_sequential_scans(database) as connection:
        steps = plan(connection, *asked[0])
    assert histories_read_widely(steps) == []


def test_bands_of_past_weeks_are_read_by_tenant_and_day(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movements, "LIVE_ACCOUNTS", 0)
    actor, _ = add_tenant(database, "ours", ACCOUNTS)
    add_tenant(database, "other", ACCOUNTS, seed=2)
    service = MovementService(database, lambda: NOW)
    steps = plan_of(database, "BandDay", lambda: service.movements(actor, None, NOW - timedelta(days=30)))
    assert any("BandDay_pkey" in step or "sqlite_autoindex_BandDay_1 (tenantId=? AND day=?" in step for step in steps)
