"""Many rows at once: through the tenant door like every other, with the values that single rows would have."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import repeat
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import class_mapper

from cs_ml.store.bulk.stored_text import decoder, encoder
from cs_ml.store.database import Database
from cs_ml.store.identity.door import UnscopedStatement
from cs_ml.store.tables import AccountFact, Pipeline, SalesPipelineStage
from tests.support.factories import NOW, add_account, add_tenant

FACTS: dict[str, Iterable[Any]] = {
    "kind": ["listed", "custom"],
    "validFrom": ["2026-03-31 10:11:12.345", "2026-04-01 00:00:00.000"],
    "arr": ["1200.50", None],
    "seats": [5, None],
    "customFields": [None, '{"name": "é\\u2028", "nps": 4.5}'],
}


def facts(database: Database) -> list[tuple[object, ...]]:
    table = AccountFact.__table__
    columns = [table.c[name] for name in ("tenantId", *FACTS)]
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(table.c.id))]


def test_rows_as_stored_text_read_back_as_values(database: Database) -> None:
    actor = add_tenant(database)
    account_id = add_account(database, actor)
    with database.write(actor) as scope:
        columns: dict[str, Iterable[Any]] = {
            **FACTS,
            "accountId": repeat(account_id),
            "createdAt": repeat("2026-01-01 00:00:00.000"),
        }
        scope.insert_many(AccountFact, columns)
    assert facts(database) == [
        (actor.tenant_id, "listed", datetime(2026, 3, 31, 10, 11, 12, 345_000, UTC), Decimal("1200.50"), 5, None),
        (actor.tenant_id, "custom", datetime(2026, 4, 1, tzinfo=UTC), None, None, {"name": "é\u2028", "nps": 4.5}),
    ]


def test_stored_text_of_every_value_comes_back() -> None:
    at, columns = datetime(2026, 3, 31, 1, 2, 3, 4_000, UTC), class_mapper(AccountFact).columns
    for name, value in {"valid_from": at, "arr": Decimal("-0.50"), "custom_fields": {"b": 1}}.items():
        assert decoder(columns[name])(encoder(columns[name])([value, None])) == [value, None]


def test_the_tenant_is_the_actors_whatever_a_row_says(database: Database) -> None:
    actor, other = add_tenant(database), add_tenant(database)
    account_id = add_account(database, actor)
    row: dict[str, Iterable[Any]] = {
        "tenantId": repeat(other.tenant_id),
        "accountId": repeat(account_id),
        "createdAt": FACTS["validFrom"],
    }
    with database.write(actor) as scope:
        scope.insert_many(AccountFact, {**FACTS, **row})
    assert {tenant for tenant, *_ in facts(database)} == {actor.tenant_id}


def test_rows_of_another_tenant_are_not_changed(database: Database) -> None:
    actor, other = add_tenant(database), add_tenant(database)
    account_id = add_account(database, actor)
    with database.write(actor) as scope:
        scope.insert_many(AccountFact, {**FACTS, "accountId": repeat(account_id), "createdAt": FACTS["validFrom"]})
    before = facts(database)
    with database.engine.connect() as connection:
        ids = list(connection.execute(select(AccountFact.id).order_by(AccountFact.id)).scalars())
    with database.write(other) as scope:
        scope.update_many(AccountFact, {"id": ids, "arr": ["1.00", "2.00"]})
    assert facts(database) == before
    with database.write(actor) as scope:
        scope.update_many(AccountFact, {"id": ids, "arr": ["1.00", "2.00"]})
    assert [row[3] for row in facts(database)] == [Decimal("1.00"), Decimal("2.00")]


def test_children_need_a_parent_of_this_tenant(database: Database) -> None:
    actor, other = add_tenant(database), add_tenant(database)
    with database.write(other) as scope:
        (theirs,) = scope.insert_returning_ids(Pipeline, [{"name": "x", "updatedAt": NOW}])
    stage = {"pipelineId": theirs, "name": "a", "order": 1, "updatedAt": NOW}
    with database.write(actor) as scope, pytest.raises(UnscopedStatement):
        scope.insert_children(SalesPipelineStage, Pipeline, "pipelineId", [stage])
    with database.write(other) as scope:
        scope.insert_children(SalesPipelineStage, Pipeline, "pipelineId", [stage])
    with database.engine.connect() as connection:
        assert connection.execute(select(SalesPipelineStage.name)).scalars().all() == ["a"]
