"""A whole run with secrets, then everything that it left behind, searched for them."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from cs_ml.cli.main import main
from cs_ml.store.database import Database
from cs_ml.store.tables import Base
from tests.llm.server import error, running_server
from tests.services.llm.faulty import GOOD
from tests.support.factories import add_account, add_reference, add_tenant

KEY = "sk-kept-nowhere-abcdefgh0123456789"
SESSION_KEY = "neither-is-this-one-0123456789-abcdef"


def test_no_secret_is_in_anything_that_a_run_leaves_behind(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    figure: Callable[[str], None],
) -> None:
    """A prediction by the model, one that the model's server refuses while it repeats the key, exports, a copy."""
    monkeypatch.chdir(tmp_path)
    actor = add_tenant(database, "acme")
    add_reference(database, actor, add_account(database, actor), "A-1")
    url, password = database.engine.url.render_as_string(hide_password=False), database.engine.url.password
    secrets = [KEY, SESSION_KEY, *([password] if password and len(password) > 8 else [])]
    with running_server() as server:
        settings = {
            "CS_ML_DATABASE_URL": url,
            "CS_ML_SESSION_KEY": SESSION_KEY,
            "CS_ML_LOG_LEVEL": "DEBUG",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": server.url,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        server.script(GOOD, error(401, "invalid_api_key", message=f"Incorrect API key provided: {KEY}"))
        printed = ""
        for words in (
            ("predict", "A-1", "--tenant", "acme", "--refresh", "--json"),
            ("predict", "A-1", "--tenant", "acme", "--refresh", "--json"),
            ("tenant", "set", "acme", "zone", "Europe/Berlin"),
            ("tenant", "export", "acme", "acme.zip"),
            ("db", "check"),
            ("llm", "preview", "A-1", "--tenant", "acme"),
            *([("backup", "copy.db")] if database.dialect == "sqlite" else []),
        ):
            with pytest.raises(SystemExit) as ended:
                main(words)
            said = capsys.readouterr()
            printed += said.out + said.err
            assert ended.value.code == 0, (words, said)
        assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}"] * 2
    artefacts = {"printed and logged": printed.encode(), "rows": _rows(database).encode()}
    artefacts |= {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with zipfile.ZipFile("acme.zip") as archive:
        artefacts |= {name: archive.read(name) for name in archive.namelist()}
    assert b'"probability"' in artefacts["printed and logged"]
    assert b"llm" in artefacts["AccountMLPrediction.jsonl"]
    found = [(name, secret) for name, held in artefacts.items() for secret in secrets if secret.encode() in held]
    assert found == []
    figure(f"{database.dialect}: {len(artefacts)} artefacts of a run, {len(found)} secrets in them")


def _rows(database: Database) -> str:
    with database.engine.connect() as connection:
        return "".join(repr(connection.execute(select(table)).all()) for table in Base.metadata.sorted_tables)
