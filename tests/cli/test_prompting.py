"""The verbs about prompts: what they print, and with which exit code."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cs_ml.cli.main import main
from cs_ml.llm import prompts
from cs_ml.store.database import Database
from tests.support.factories import add_account, add_contact, add_reference, add_tenant


@pytest.fixture
def cs_ml(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """Runs a verb on a database with the account A-1 of tenant acme; answers its exit code and what it printed."""
    monkeypatch.setenv("CS_ML_DATABASE_URL", database_url)
    actor = add_tenant(database, "acme")
    account = add_account(database, actor, name="Globex", industry="Zofia's shops")
    add_contact(database, actor, account, first_name="Zofia", last_name="Wilk")
    add_reference(database, actor, account, "A-1")

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(words)
        printed = capsys.readouterr()
        return int(str(ended.value.code)), printed.out + printed.err

    return run


def test_a_preview_works_without_a_key_and_names_nobody(cs_ml: Any) -> None:
    code, printed = cs_ml("llm", "preview", "A-1", "--tenant", "acme")
    assert code == 0
    assert printed.startswith("--- system\nYou assess")
    assert "[ACCOUNT_1] industry [PERSON_1]'s shops" in printed
    assert "without free text; behind placeholders: 1 account, 1 person" in printed
    assert "Globex" not in printed
    assert "Zofia" not in printed


def test_preview_and_cost_as_json(cs_ml: Any) -> None:
    code, printed = cs_ml("llm", "preview", "A-1", "--tenant", "acme", "--json")
    shown = json.loads(printed)["data"]
    assert code == 0
    assert [message["role"] for message in shown["messages"]] == ["system", "user"]
    assert (shown["freeText"], shown["hidden"]) == (False, {"account": 1, "person": 1})
    code, printed = cs_ml("prompts", "cost", "A-1", "--tenant", "acme", "--json")
    cost = json.loads(printed)["data"]
    assert code == 0
    assert cost["total"] == sum(cost["parts"].values())
    assert cost["method"] == "o200k_base"


def test_cost_as_text_ends_with_the_sum(cs_ml: Any) -> None:
    code, printed = cs_ml("prompts", "cost", "A-1", "--tenant", "acme")
    rows = [line.split() for line in printed.splitlines()]
    assert code == 0
    assert sum(int(row[1]) for row in rows[:-1]) == int(rows[-1][1])
    assert rows[-1][2:] == ["tokens,", "o200k_base"]


def test_an_unknown_account_ends_with_3(cs_ml: Any) -> None:
    assert cs_ml("llm", "preview", "A-2", "--tenant", "acme")[0] == 3
    assert cs_ml("prompts", "cost", "A-2", "--tenant", "acme")[0] == 3


def test_prompts_are_fine_or_end_with_4(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["prompts", "check", "--json"])
    assert ended.value.code == 0
    assert set(json.loads(capsys.readouterr().out)["data"]) == {
        "churn_risk",
        "health_summary",
        "health_system",
        "system",
    }
    folder = Path(shutil.copytree(prompts.FOLDER, tmp_path / "prompts"))
    frame = folder / "churn_risk.md"
    frame.write_text(frame.read_text(encoding="utf-8").replace("{{ base_rate }}", "{{ usual }}"), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["prompts", "check", "--folder", str(folder)])
    assert ended.value.code == 4
    assert "usual" in capsys.readouterr().err
