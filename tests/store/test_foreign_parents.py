"""The door refuses a row of another tenant's account, or of a colleague's, like one of no account."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import NotFound
from cs_ml.store.database import Database
from cs_ml.store.tables import ChurnEvent
from tests.support.factories import NOW, add_account, add_tenant, add_user


@pytest.mark.parametrize("way", ["insert", "insert_returning_ids", "insert_many", "upsert"])
def test_a_row_of_a_foreign_account_fails_like_one_of_no_account(database: Database, way: str) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    account, foreign = add_account(database, mine), add_account(database, theirs)
    colleagues = add_account(database, mine, owner_id=add_user(database))
    limited = replace(mine, scope="owned")

    def add(actor: Actor, account_id: int) -> None:
        row: dict[str, Any] = {"accountId": account_id, "churnedAt": NOW + timedelta(days=1), "approximate": False}
        with database.write(actor) as scope:
            if way == "upsert":
                scope.upsert(ChurnEvent, row, key=("tenantId", "accountId", "churnedAt"))
            elif way == "insert_many":
                row["churnedAt"] = "2026-06-02 00:00:00.000"
                scope.insert_many(ChurnEvent, {name: [value] for name, value in row.items()})
            else:
                getattr(scope, way)(ChurnEvent, [row])

    refusals = set()
    for actor, account_id in ((mine, foreign), (mine, 999_999), (limited, colleagues)):
        with pytest.raises(NotFound) as refused:
            add(actor, account_id)
        refusals.add(str(refused.value))
    assert len(refusals) == 1
    add(limited, account)
