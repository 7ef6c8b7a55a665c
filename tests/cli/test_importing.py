"""`cs-ml import` in real processes: exit codes, words and JSON."""

import json
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.services.importing.bundles import SMALL, write
from tests.support.databases import sqlite_copy

COMMAND = [sys.executable, "-W", "error", "-c", "from cs_ml.cli import main; main()", "import"]


@pytest.fixture
def url(migrated_sqlite: Path, tmp_path: Path) -> str:
    return sqlite_copy(migrated_sqlite, tmp_path)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write(tmp_path / "bundle", {**SMALL, "split.csv": ""})


def run(url: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"CS_ML_DATABASE_URL": url, "PATH": ""}
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def dump(url: str) -> list[str]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return list(connection.iterdump())


def test_an_unknown_tenant(url: str, bundle: Path) -> None:
    done = run(url, bundle, "--tenant", "acme")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "There is no tenant `acme`. Add --create-tenant NAME to make it.\n"


def test_a_new_tenant_dry_then_real_then_again(url: str, bundle: Path) -> None:
    words = (bundle, "--tenant", "acme", "--create-tenant", "Acme", "--json")
    dry = json.loads(run(url, *words, "--dry-run").stdout)["data"]
    first = json.loads(run(url, *words).stdout)["data"]
    before = dump(url)
    again = json.loads(run(url, *words).stdout)["data"]
    (noted,) = set(dump(url)) - set(before)
    assert "'import.done'" in noted
    assert [line for line in dump(url) if line != noted] == before
    assert (dry["dryRun"], dry["bands"], dry["tenant"], dry["dataDate"]) == (True, None, "acme", "2026-03-31")
    assert dry["files"] == first["files"]
    assert first["files"][0] == {"name": "accounts.csv", "rows": 2, "new": 2, "changed": 0, "unchanged": 0}
    assert {(file["new"], file["changed"]) for file in again["files"]} == {(0, 0)}
    assert first["warnings"] == ["split.csv is no file of a bundle and was ignored."]
    assert sum(first["bands"].values()) == 1  # the other one has left
    assert again["bands"] == first["bands"]


def test_words_for_people(url: str, bundle: Path) -> None:
    done = run(url, bundle, "--tenant", "acme", "--create-tenant", "Acme", "--data-date", "2026-04-15")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "Warning: split.csv is no file of a bundle and was ignored.",
        "accounts.csv: 2 rows, 2 new, 0 changed, 0 unchanged",
    ]
    assert lines[-2] == "Undated values count from 2026-04-15 on."
    assert lines[-1].startswith("Accounts by risk of churn: ")


def test_faults_for_people_and_as_json(url: str, bundle: Path) -> None:
    write(bundle, {"churn.csv": "account_ref,churned_on\nA-1,soon\nA-9,2026-01-01\n"})
    words = (bundle, "--tenant", "acme", "--create-tenant", "Acme")
    done = run(url, *words)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.splitlines() == [
        "churn.csv, line 2, churned_on: expected a date such as 2026-03-31 or 2026-03-31T10:00:00+02:00, found `soon`",
        "churn.csv, line 3, account_ref: expected the account_ref of a row in accounts.csv, found `A-9`",
        "The bundle has 2 errors; nothing was imported.",
    ]
    done = run(url, *words, "--json")
    body = json.loads(done.stdout)
    assert (done.returncode, body["code"], body["errorCount"]) == (4, "VALIDATION", 2)
    assert set(body["fields"]) == {"churn.csv, line 2, churned_on", "churn.csv, line 3, account_ref"}
    assert body["errors"][1] == {
        "file": "churn.csv",
        "line": 3,
        "column": "account_ref",
        "value": "A-9",
        "expected": "the account_ref of a row in accounts.csv",
    }
    assert run(url, bundle, "--tenant", "acme").returncode == 3


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("bundle",), 2, "--tenant"),
        (("--tenant", "acme"), 2, "Name the bundle"),
        (("bundle", "--tenant", "acme", "--data-date", "31.3.2026"), 4, "2026-03-31"),
        (("bundle", "--tenant", "No Slug", "--create-tenant", "x"), 4, "lower-case letters"),
    ],
)
def test_wrong_words(url: str, words: tuple[str, ...], code: int, part: str) -> None:
    done = run(url, *words)
    assert done.returncode == code
    assert part in done.stderr


def test_the_template(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "template"
    done = run(url, "--template", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Wrote 10 files into ")
    assert run(url, folder, "--tenant", "acme", "--create-tenant", "Acme").returncode == 0
    assert run(url, "--template", folder, "--json").returncode == 4


def test_progress_on_a_terminal(url: str, tmp_path: Path) -> None:
    """One line that changes, gone at the end."""
    rows = "".join(f"A-1,2026-01-01,CALL,{number}\n" for number in range(60_000))
    bundle = write(
        tmp_path / "bundle",
        {"accounts.csv": "account_ref,name\nA-1,x\n", "activities.csv": "account_ref,date,type,subject\n" + rows},
    )
    ours, theirs = pty.openpty()
    command = [*COMMAND, str(bundle), "--tenant", "acme", "--create-tenant", "Acme", "--json"]
    environment = {"CS_ML_DATABASE_URL": url, "PATH": ""}
    with subprocess.Popen(command, env=environment, stderr=theirs, stdout=subprocess.PIPE) as process:
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 4096):
                shown += block
        except OSError:  # the other end is closed
            pass
        out, _ = process.communicate(timeout=120)
    os.close(ours)
    assert process.returncode == 0
    assert json.loads(out)["data"]["files"][1]["new"] == 60_000
    assert b"activities.csv: " in shown
    assert b"\n" not in shown
    assert shown.endswith(b"\r")
