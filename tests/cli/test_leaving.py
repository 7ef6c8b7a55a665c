"""Sessions, purge, export, deletion and copies from the command line, in real processes."""

import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor, Role
from cs_ml.services.identity.access import AccessService
from cs_ml.store.database import Database
from cs_ml.store.tables import Account
from tests.cli.test_people import PHRASE, cs_ml, data
from tests.support.databases import sqlite_copy
from tests.support.factories import NOW, add_account, add_reference, add_tenant

ADA = "ada@example.com"


@pytest.fixture
def url(migrated_sqlite: Path, tmp_path: Path) -> str:
    return sqlite_copy(migrated_sqlite, tmp_path)


@pytest.fixture
def actor(url: str) -> Actor:
    """The owner of `acme`, which has one account, `A1`, and one member, Ada."""
    database = Database(url)
    made = add_tenant(database, "acme")
    add_reference(database, made, add_account(database, made), "A1")
    AccessService(database, lambda: NOW).add_user(made, ADA, role=Role.MEMBER, password=PHRASE)
    database.close()
    return made


def accounts(url: str, actor: Actor) -> list[int]:
    database = Database(url)
    with database.read(actor) as scope:
        found = list(scope.execute(select(Account.id)).scalars())
    database.close()
    return found


def test_sessions_are_listed_and_ended(url: str, actor: Actor) -> None:
    assert accounts(url, actor)
    assert data(cs_ml(url, "user", "sessions", ADA, "--json")) == []
    assert "not signed in" in cs_ml(url, "user", "sessions", ADA).stdout
    assert data(cs_ml(url, "user", "reset", ADA, "--json")) == {"email": ADA}
    assert cs_ml(url, "user", "reset", "nobody@example.com").returncode == 3


def test_a_copy_brings_a_purged_account_back(url: str, actor: Actor, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert data(cs_ml(url, "backup", str(copy), "--json"))["bytes"] == copy.stat().st_size
    (account,) = accounts(url, actor)
    assert data(cs_ml(url, "purge", "A1", "--tenant", "acme", "--json")) == {"accountId": account}
    assert accounts(url, actor) == []
    assert cs_ml(url, "purge", "A1", "--tenant", "acme").returncode == 3
    refused = cs_ml(url, "restore", str(copy))
    assert (refused.returncode, "--overwrite" in refused.stderr) == (4, True)
    data(cs_ml(url, "restore", str(copy), "--overwrite", "--json"))
    assert accounts(url, actor) == [account]


def test_a_tenant_is_exported_and_deleted(url: str, actor: Actor, tmp_path: Path) -> None:
    file = tmp_path / "acme.zip"
    rows = data(cs_ml(url, "tenant", "export", "acme", str(file), "--json"))["rows"]
    assert rows["Account"] == 1
    with zipfile.ZipFile(file) as archive:
        assert len(archive.read("Account.jsonl").splitlines()) == 1
    wrong = cs_ml(url, "tenant", "delete", "acme", "--confirm", "acmee")
    assert (wrong.returncode, accounts(url, actor) != []) == (3, True)
    assert data(cs_ml(url, "tenant", "delete", "acme", "--confirm", "acme", "--json"))["rows"]["Account"] == 1
    assert accounts(url, actor) == []
    assert cs_ml(url, "tenant", "show", "acme").returncode == 3
