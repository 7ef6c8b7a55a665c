"""The verbs of `cs-ml db`, and what every other verb says before there are tables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cs_ml.cli import main
from tests.store.crm import crm_database
from tests.support.databases import postgres_database, sqlite_url
from tests.support.postgres import PostgresServer


class CommandLine:
    """Runs verbs in this process, on the database of the environment."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str) -> tuple[int, str]:
        """The exit code and what was said, on either stream."""
        with pytest.raises(SystemExit) as end:
            main(words)
        said = self._capture.readouterr()
        return int(str(end.value.code)), said.out + said.err

    def data(self, *words: str) -> Any:
        code, said = self(*words, "--json")
        assert code == 0, said
        return json.loads(said)["data"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    monkeypatch.chdir(tmp_path)  # no `.env` of anybody
    return CommandLine(capsys)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The kind of an empty database, which the environment names."""
    if request.param == "sqlite":
        monkeypatch.setenv("CS_ML_DATABASE_URL", sqlite_url(tmp_path / "empty.db"))
        yield "sqlite"
        return
    with postgres_database(request.getfixturevalue("postgres_server")) as url:
        monkeypatch.setenv("CS_ML_DATABASE_URL", url)
        yield "postgresql"


def test_upgrade_says_what_it_made_and_may_be_repeated(run: CommandLine, empty: str) -> None:
    code, said = run("db", "upgrade")
    assert code == 0
    assert said.startswith("Created ")
    assert "  table Account\n" in said
    assert ("  type CTAStatus\n" in said) == (empty == "postgresql")
    assert run("db", "upgrade") == (0, "The schema is current; nothing was changed.\n")
    assert run.data("db", "upgrade") == {"added": []}


@pytest.mark.usefixtures("empty")
def test_check_refuses_a_database_without_tables(run: CommandLine) -> None:
    sentence = "The database has no tables of CS ML yet. Run `cs-ml db upgrade`."
    assert run("db", "check") == (4, f"{sentence}\n")
    code, said = run("db", "check", "--json")
    assert (code, json.loads(said)) == (4, {"error": sentence, "code": "SCHEMA_BEHIND"})
    assert run("db", "indexes")[0] == 4
    assert run("db", "grants")[0] == 4


def test_other_verbs_ask_for_the_upgrade_but_make_a_new_sqlite_file(run: CommandLine, empty: str) -> None:
    code, said = run("tenant", "show", "acme")
    if empty == "sqlite":
        assert (code, said) == (3, "There is no tenant `acme`.\n")
        assert run("db", "check")[0] == 0
    else:
        assert (code, said) == (4, "The database has no tables of CS ML yet. Run `cs-ml db upgrade`.\n")


def test_check_tells_the_state(run: CommandLine, empty: str) -> None:
    run("db", "upgrade")
    report = run.data("db", "check")
    assert (report["kind"], report["adopted"]) == (empty, [])
    code, said = run("db", "check")
    assert code == 0
    if empty == "sqlite":
        assert report["sqlite"] == {"foreignKeys": True, "journalMode": "wal", "busyTimeoutMs": 30_000}
        assert "Foreign keys are on, the journal is wal" in said
    else:
        assert report["guardedByDoorAlone"] == []
        assert ("is a superuser" in said) == report["role"]["superuser"]


def test_grants_name_the_role(run: CommandLine, empty: str) -> None:
    run("db", "upgrade")
    code, said = run("db", "grants", "--role", 'we"b')
    if empty == "sqlite":
        assert (code, said) == (4, "SQLite has no roles, so there is nothing to grant.\n")
    else:
        assert code == 0
        assert all(line.startswith("GRANT ") and line.endswith(' TO "we""b";') for line in said.splitlines())
    assert run("db", "indexes") == (0, "")


def test_the_owner_migrates_and_the_runtime_role_works(
    run: CommandLine, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with postgres_database(postgres_server) as url:
        monkeypatch.setenv("CS_ML_DATABASE_URL", sqlite_url(tmp_path / "runtime.db"))
        monkeypatch.setenv("CS_ML_OWNER_DATABASE_URL", url)
        assert run("db", "upgrade")[0] == 0
        assert run("db", "check")[0] == 4
        monkeypatch.setenv("CS_ML_DATABASE_URL", url)
        assert run("db", "check")[0] == 0


def test_an_adopted_crm_is_told_of_what_is_left_to_do(
    run: CommandLine, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crm_database(postgres_server) as crm:
        monkeypatch.setenv("CS_ML_DATABASE_URL", crm.engine.url.render_as_string(hide_password=False))
        assert "  table ChurnEvent\n" in run("db", "upgrade")[1]
        said = run("db", "check")[1]
        assert "These tables were there before: " in said
        assert "Guarded by the product's tenant filter alone, without row-level security: " in said
        assert "CREATE INDEX CONCURRENTLY IF NOT EXISTS" in run("db", "indexes")[1]


def test_a_database_that_cannot_be_reached_is_a_sentence(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CS_ML_DATABASE_URL", sqlite_url(tmp_path / "no such folder" / "x.db"))
    code, said = run("tenant", "show", "acme")
    assert code == 1
    assert said.startswith("The database refused")
