"""Users and settings from the command line, in real processes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cs_ml.services.identity.access import AccessService
from cs_ml.store.database import Database
from tests.support.databases import sqlite_copy
from tests.support.factories import NOW, add_tenant

PHRASE = " violet otters juggle quietly "


@pytest.fixture
def url(migrated_sqlite: Path, tmp_path: Path) -> str:
    return sqlite_copy(migrated_sqlite, tmp_path)


def cs_ml(url: str, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", "from cs_ml.cli import main; main()", *words]
    environment = {"CS_ML_DATABASE_URL": url, "PATH": ""}
    return subprocess.run(
        command, input=given, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def data(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["data"]


def test_a_user_gets_the_password_of_standard_input(url: str) -> None:
    database = Database(url)
    add_tenant(database, "acme")
    words = ("user", "add", "ada@example.com", "--tenant", "acme", "--role", "member", "--scope", "owned", "--json")
    added = data(cs_ml(url, *words, given=f"{PHRASE}\n"))
    assert (added["role"], added["scope"], added["created"], added["password"]) == ("MEMBER", "owned", True, None)
    access = AccessService(database, lambda: NOW)
    assert access.verify("ada@example.com", PHRASE)

    again = data(cs_ml(url, *words, given="another phrase altogether"))
    assert (again["created"], again["passwordKept"]) == (False, True)
    given = data(cs_ml(url, "user", "password", "ada@example.com", "--json"))
    assert given["passwordHours"] == 72
    made_up = given["password"]
    assert access.verify("ada@example.com", made_up)
    assert access.verify("ada@example.com", PHRASE) is None

    data(cs_ml(url, "user", "disable", "ada@example.com", "--json"))
    assert access.verify("ada@example.com", made_up) is None
    data(cs_ml(url, "user", "enable", "ada@example.com", "--json"))
    assert access.verify("ada@example.com", made_up)
    database.close()


def test_a_made_up_password_is_printed_once(url: str) -> None:
    database = Database(url)
    add_tenant(database, "acme")
    done = cs_ml(url, "user", "add", "ada@example.com", "--tenant", "acme", "--role", "OWNER")
    printed = done.stdout.rpartition(": ")[2].strip()
    assert "It holds for 72 hours" in done.stdout
    assert AccessService(database, lambda: NOW).verify("ada@example.com", printed)
    assert printed not in cs_ml(url, "user", "add", "ada@example.com", "--tenant", "acme", "--role", "OWNER").stdout
    database.close()


def test_faults_are_sentences_with_exit_codes(url: str) -> None:
    database = Database(url)
    add_tenant(database, "acme")
    database.close()
    missing = cs_ml(url, "user", "add", "ada@example.com", "--tenant", "nowhere", "--role", "viewer", "--json")
    assert (missing.returncode, json.loads(missing.stdout)["code"]) == (3, "TENANT_NOT_FOUND")
    short = cs_ml(url, "user", "add", "ada@example.com", "--tenant", "acme", "--role", "viewer", given="short")
    assert (short.returncode, short.stdout) == (4, "")
    assert "15" in short.stderr
    assert cs_ml(url, "user", "add", "ada@example.com", "--tenant", "acme", "--role", "king").returncode == 2
    assert cs_ml(url, "user", "password", "ada@example.com").returncode == 3


def test_settings_are_set_and_shown(url: str) -> None:
    database = Database(url)
    add_tenant(database, "acme")
    database.close()
    changed = data(cs_ml(url, "tenant", "set", "acme", "bands", "0.9,0.5,0.1", "--json"))
    assert changed == data(cs_ml(url, "tenant", "show", "acme", "--json"))
    assert changed["settings"]["bands"] == {"critical": 0.9, "high": 0.5, "medium": 0.1}
    assert "  bands = 0.9,0.5,0.1\n" in cs_ml(url, "tenant", "show", "acme").stdout
    refused = cs_ml(url, "tenant", "set", "acme", "colour", "red", "--json")
    assert (refused.returncode, list(json.loads(refused.stdout)["fields"])) == (4, ["key"])
