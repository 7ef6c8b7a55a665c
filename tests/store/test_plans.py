"""Every statement of a context finds its rows by an account's index, however many other accounts there are."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from benchmarks.context import sent
from benchmarks.customers import NOW, add_tenant
from cs_ml.domain.actor import Actor
from cs_ml.services.context import ContextService
from cs_ml.store.database import Database
from cs_ml.store.tables import ExternalRef

ACCOUNTS = 60  # with 18,000 rows of their own: enough for a planner to prefer the right index to the tenant's
REFERENCES = 3_000  # on a few pages every index costs the same
# A search by one of these reads the rows of one account (or owner), not those of the tenant.
NARROW = re.compile(r'"?\b(?:accountId|targetId|pipelineId|ownerId|id|rowid)"? ?=')
SMALL = ("Pipeline", "SalesPipelineStage", "User")


@contextmanager
def without_sequential_scans(database: Database) -> Iterator[Connection]:
    """PostgreSQL reads a small table from end to end although it has the index that a large one would need."""
    with database.engine.connect() as connection:
        if database.dialect == "postgresql":
            connection.exec_driver_sql("ANALYZE")
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        yield connection


def plan(connection: Connection, statement: str, params: Any = None) -> list[str]:
    explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    return [str(row[-1]).strip() for row in connection.exec_driver_sql(explain + statement, params)]


def wide_reads(plan: list[str]) -> list[str]:
    """Steps that read more of a table than the rows of one account."""
    reads = [step for step in plan if step.startswith(("SCAN ", "SEARCH ", "Index Cond:")) or "Seq Scan on" in step]
    return [step for step in reads if not NARROW.search(step) and not any(table in step for table in SMALL)]


@pytest.fixture
def actor(database: Database) -> Actor:
    """Of the second of two tenants, so that a tenant is no synonym for the table."""
    add_tenant(database, "other", ACCOUNTS, seed=2)
    actor, ids = add_tenant(database, "ours", ACCOUNTS)
    more = [
        {"kind": "account", "ref": f"B-{number}", "targetId": ids[number % ACCOUNTS]} for number in range(REFERENCES)
    ]
    with database.write(actor) as scope:
        scope.insert(ExternalRef, more)
    return actor


@pytest.mark.parametrize("scope", ["all", "owned"])
def test_no_statement_of_a_context_reads_more_than_the_account(database: Database, actor: Actor, scope: Any) -> None:
    contexts = ContextService(database, lambda: NOW)
    account_id = ACCOUNTS + 7
    statements = sent(database, lambda: contexts.gather_context(replace(actor, scope=scope), account_id))
    asked = [(text, params) for text, params in statements if " FROM " in text.replace("\n", " ")]
    assert len(asked) == 5
    with without_sequential_scans(database) as connection:
        plans = [plan(connection, *statement) for statement in asked]
    assert [wide_reads(steps) for steps in plans] == [[]] * 5, plans


@pytest.mark.usefixtures("actor")
def test_a_read_of_whole_tenants_is_found(database: Database) -> None:
    statement = """SELECT max("calculatedAt") FROM "AccountHealthScoreHistory" WHERE "tenantId" > 'a'"""
    with without_sequential_scans(database) as connection:
        assert wide_reads(plan(connection, statement))
