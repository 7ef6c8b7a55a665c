"""Purging an account, exporting and deleting a tenant: nothing is left, and nobody else loses anything."""

import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.domain.identity.people import Tenant
from cs_ml.services.identity import leaving as module
from cs_ml.services.identity.leaving import LeavingService, require_same
from cs_ml.services.llm.entities import KnownEntitiesCache
from cs_ml.services.portfolio import PortfolioService
from cs_ml.store.database import Database
from cs_ml.store.operations.leaving import LeavingRepository
from cs_ml.store.tables import Account, AIUsageEvent, Base, CTATask, ExternalRef
from tests.store.tenancy.twins import SECRET, populate, populated_tables, rows_of
from tests.support.factories import NOW, add_account, add_tenant

WORD = "Quagmire"  # in every text of the account that leaves


@pytest.fixture
def leaving(database: Database) -> LeavingService:
    return LeavingService(database, lambda: NOW)


def everything(connection: Connection) -> dict[str, str]:
    """Every row of every table, as text."""
    return {table.name: repr(connection.execute(select(table)).all()) for table in Base.metadata.sorted_tables}


def add_more(database: Database, actor: Actor, account: int) -> None:
    """What `populate` does not write: a model's call, a task, references of contacts, tasks and deals."""
    with database.write(actor) as scope:
        row = {
            "id": "call",
            "toolId": "x",
            "toolName": "x",
            "operation": "x",
            "model": "m",
            "estimatedCost": Decimal(1),
        }
        usage = [{**row, "entityType": "Account", "entityId": str(account), "createdAt": NOW, "metadata": {}}]
        scope.insert(AIUsageEvent, usage)
    with database.engine.begin() as connection:
        tables = Base.metadata.tables
        for kind, table in (("contact", "CRMContact"), ("cta", "CTA"), ("opportunity", "Opportunity")):
            ids = connection.execute(select(tables[table].c.id).where(tables[table].c.accountId == account)).scalars()
            for target in ids.all():
                ref = {"tenantId": actor.tenant_id, "kind": kind, "ref": f"{WORD}-{kind}", "targetId": target}
                connection.execute(insert(ExternalRef.__table__), ref)  # type: ignore[arg-type]
                if kind == "cta":
                    task: dict[str, Any] = {
                        "ctaId": target,
                        "title": WORD,
                        "order": 1,
                        "createdAt": NOW,
                        "updatedAt": NOW,
                    }
                    connection.execute(insert(CTATask.__table__), task)  # type: ignore[arg-type]


def test_nothing_of_a_purged_account_is_found_anywhere(
    database: Database,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    figure: Callable[[str], None],
) -> None:
    actor, other = add_tenant(database), add_tenant(database)
    named = populate(database, actor, WORD, 550_001, house="Household")
    kept = add_account(database, actor, name="Staying")
    add_more(database, actor, named.account_id)
    populate(database, other, SECRET, 770_001)
    known = KnownEntitiesCache(database)
    assert known.of(actor).size
    PortfolioService(database, lambda: NOW).choices(actor)
    with database.engine.connect() as connection:
        theirs = rows_of(connection, other)
        assert sum(WORD in rows for rows in everything(connection).values()) >= 12

    with caplog.at_level("DEBUG"):
        LeavingService(database, lambda: NOW, known.forget).purge_account(actor, named.account_id)

    with database.engine.connect() as connection:
        left = {name for name, rows in everything(connection).items() if WORD in rows}
        of_account = {
            table.name
            for table in Base.metadata.sorted_tables
            if "accountId" in table.c
            and connection.execute(select(table).where(table.c.accountId == named.account_id)).first()
        }
        assert rows_of(connection, other) == theirs
        assert connection.execute(select(Base.metadata.tables["Account"].c.id)).scalars().all() == [kept, 770_001]
        books = connection.execute(select(AIUsageEvent.estimated_cost, AIUsageEvent.entity_id)).all()
    assert left == set()
    assert of_account == set()
    assert books == [(Decimal(1), None)]
    assert WORD not in caplog.text
    assert known.of(actor).size < 10
    if database.dialect == "sqlite":
        assert not any(path.stat().st_size for path in tmp_path.glob("test.db-wal"))
        files = b"".join(path.read_bytes() for path in tmp_path.glob("test.db*"))
        assert f"{WORD} call".encode() not in files
        assert f"{WORD} task".encode() not in files
        assert SECRET.encode() in files
    figure(f"{len(Base.metadata.sorted_tables)} tables, log, caches and file searched: 0 found")


def test_what_is_not_ours_is_not_purged(database: Database, leaving: LeavingService) -> None:
    actor, other = add_tenant(database), add_tenant(database)
    theirs = populate(database, other, SECRET, 770_001)
    with database.engine.connect() as connection:
        before = rows_of(connection, other)
    for account_id in (theirs.account_id, 999_999):
        with pytest.raises(NotFound):
            leaving.purge_account(actor, account_id)
    with pytest.raises(Forbidden):
        leaving.purge_account(Actor(tenant_id=other.tenant_id, role=Role.MEMBER, user_id=1), theirs.account_id)
    with database.engine.connect() as connection:
        assert rows_of(connection, other) == before


def test_a_tenant_leaves_with_all_of_its_rows(
    database: Database, leaving: LeavingService, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    actor, other = add_tenant(database, "acme"), add_tenant(database, "globex")
    named = populate(database, actor, WORD, 550_001)
    add_more(database, actor, named.account_id)
    populate(database, other, SECRET, 770_001)
    with database.read(actor) as scope:
        expected = {table: rows for table, rows in LeavingRepository(scope).count().items() if rows}
    with database.engine.connect() as connection:
        theirs = rows_of(connection, other)
        assert populated_tables(rows_of(connection, actor)) >= 15
    file = tmp_path / "acme.zip"
    assert leaving.export_tenant(actor, file) == expected
    with zipfile.ZipFile(file) as archive:
        written = {name: archive.read(name).decode().splitlines() for name in archive.namelist()}
    assert {
        name.removesuffix(".jsonl"): len(lines) for name, lines in written.items() if name != "members.jsonl"
    } == expected
    assert all(json.loads(line)["tenantId"] == actor.tenant_id for line in written["Account.jsonl"])
    assert not any(SECRET in line for lines in written.values() for line in lines)
    with pytest.raises(Invalid, match="exists already"):
        leaving.export_tenant(actor, file)

    tenant = Tenant(id=actor.tenant_id, slug="acme", name="Acme", active=True, demo=False)
    with pytest.raises(NotFound):
        require_same(tenant, "globex")
    gone = leaving.delete_tenant(tenant)
    assert {table: rows for table, rows in gone.items() if rows} == {**expected, "AuditEvent": 1}
    with database.engine.connect() as connection:
        assert populated_tables(rows_of(connection, actor)) == 0
        assert rows_of(connection, other) == theirs
        left = [name for name, rows in everything(connection).items() if actor.tenant_id in rows]
    assert left == []
    figure(f"{sum(expected.values())} rows of {len(expected)} tables exported, then 0 left")


def test_an_export_is_of_one_moment(
    database: Database, leaving: LeavingService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody adds and removes accounts after it has begun to read."""
    actor = add_tenant(database, "acme")
    gone, kept = add_account(database, actor), add_account(database, actor)
    plain = module._member

    def meanwhile(member: Any) -> dict[str, Any]:
        add_account(database, actor)
        with database.write(actor) as scope:
            assert LeavingRepository(scope).purge(gone)
        return dict(plain(member))

    monkeypatch.setattr(module, "_member", meanwhile)
    assert leaving.export_tenant(actor, tmp_path / "acme.zip")["Account"] == 2
    with zipfile.ZipFile(tmp_path / "acme.zip") as archive:
        rows = [json.loads(line) for line in archive.read("Account.jsonl").decode().splitlines()]
    assert [row["id"] for row in rows] == [gone, kept]
    with database.read(actor) as scope:
        assert len(scope.execute(select(Account.id)).all()) == 2


def test_whoever_owns_something_elsewhere_stays(database: Database, leaving: LeavingService) -> None:
    actor, other = add_tenant(database, "acme"), add_tenant(database, "globex")
    account = add_account(database, other, owner_id=actor.user_id)
    leaving.delete_tenant(Tenant(id=actor.tenant_id, slug="acme", name="Acme", active=True, demo=False))
    with database.identity() as identity:
        assert identity.get_user(actor.user_id or 0)
        assert identity.get_tenant(actor.tenant_id) is None
    with database.read(other) as scope:
        assert scope.execute(select(Account.owner_id).where(Account.id == account)).scalar_one() == actor.user_id


def test_people_of_another_tenant_stay(database: Database, leaving: LeavingService) -> None:
    actor, other = add_tenant(database, "acme"), add_tenant(database, "globex")
    with database.identity(write=True) as identity:
        identity.set_membership(other.tenant_id, actor.user_id or 0, Role.VIEWER, "all", NOW + timedelta(seconds=1))
    leaving.delete_tenant(Tenant(id=actor.tenant_id, slug="acme", name="Acme", active=True, demo=False))
    with database.identity() as identity:
        assert [place.tenant.id for place in identity.memberships(actor.user_id or 0)] == [other.tenant_id]
