"""The verbs about what became of predictions."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from cs_ml.cli.main import main
from cs_ml.domain.actor import Actor
from cs_ml.store.database import Database
from tests.support.factories import NOW, add_account, add_activity, add_churn, add_prediction, add_tenant

Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cs_ml(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    monkeypatch.setenv("CS_ML_DATABASE_URL", database_url)

    def run(*words: str) -> tuple[int, str, str]:
        """Exit code, output, errors, with NOW as the clock."""
        with time_machine.travel(NOW, tick=False), pytest.raises(SystemExit) as ended:
            main(words)
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, printed.out, printed.err

    return run


@pytest.fixture
def actor(database: Database) -> Actor:
    """Eight customers, two of whom left; each with a live prediction of 100 days ago."""
    made = add_tenant(database, "acme")
    for number in range(8):
        account = add_account(database, made)
        add_activity(database, made, account, completed_at=NOW - timedelta(days=200))
        at = NOW - timedelta(days=100)
        add_prediction(database, made, account, predicted_at=at, as_of=at, valid_until=at, probability=number / 10)
        if number > 5:
            add_churn(database, made, account, churned_at=NOW - timedelta(days=50))
    add_activity(database, made, add_account(database, made, created_at=NOW), completed_at=NOW)
    return made


def data(found: tuple[int, str, str]) -> Any:
    assert found[0] == 0, found
    return json.loads(found[1])["data"]


@pytest.mark.usefixtures("actor")
def test_validate_and_accuracy(cs_ml: Verb) -> None:
    first = data(cs_ml("validate", "--tenant", "acme", "--json"))
    assert (first["validated"], first["withdrawn"]) == (8, 0)
    assert first["live"] == {"judged": 8, "churned": 2, "accurate": 7, "open": 0, "cannotBeJudged": {}}
    assert first["churnCompleteUntil"] == "2026-06-30"
    assert data(cs_ml("validate", "--tenant", "acme", "--json"))["validated"] == 0

    found = data(cs_ml("accuracy", "--tenant", "acme", "--json"))
    assert (found["totalPredictions"], found["validatedCount"], found["accurateCount"]) == (8, 8, 7)
    assert (found["accuracy"], found["byType"]["CHURN"]["validatedCount"]) == (7 / 8, 8)
    rules = found["headline"]["rules"]
    assert (rules["n"], rules["churned"], rules["auroc"]["value"]) == (8, 2, 1.0)

    code, text, _ = cs_ml("accuracy", "--tenant", "acme")
    assert (code, "7 of 8 were right (87.5%)" in text) == (0, True)
    _, text, _ = cs_ml("validate", "--tenant", "acme")
    assert "Live predictions: 8 judged, 0 still open, 0 cannot be judged." in text


BACKTEST = ("backtest", "--tenant", "acme", "--engine", "rules", "--from", "2026-01-01", "--to", "2026-04-30")


@pytest.mark.usefixtures("actor")
def test_backtest(cs_ml: Verb) -> None:
    plain = data(cs_ml(*BACKTEST, "--every", "30d", "--json"))
    days = ["2026-01-01", "2026-01-31", "2026-03-02", "2026-04-01"]
    assert [one["day"] for one in plain["dates"]] == days
    assert (plain["predictions"], plain["stored"], plain["finished"], plain["open"]) == (32, False, True, 6)
    assert (plain["headline"]["n"], plain["headline"]["churned"], plain["every"]["churned"]) == (8, 0, 2)
    kept = data(cs_ml(*BACKTEST, "--store", "--json"))
    assert {**kept, "stored": False} == plain
    assert data(cs_ml("accuracy", "--tenant", "acme", "--backtest", "--json"))["totalPredictions"] == 32
    code, text, told = cs_ml(*BACKTEST)
    assert (code, "2026-01-01: 8 predicted, 8 judged, 0 left" in text) == (0, True)
    assert "2026-01-01: 8 predictions" in told


@pytest.mark.usefixtures("actor")
@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--every", "monthly"), "every"),
        (("--from", "January"), "from"),
        (("--engine", "magic"), "engine"),
        (("--engine", "llm"), "max_calls"),
        (("--to", "2030-01-01"), "to"),
    ],
)
def test_what_cannot_be_asked(cs_ml: Verb, words: tuple[str, ...], field: str) -> None:
    code, out, _ = cs_ml(*BACKTEST, *words, "--json")
    assert code == 4
    assert field in json.loads(out)["fields"]


def test_no_such_tenant(cs_ml: Verb) -> None:
    assert cs_ml("validate", "--tenant", "nobody")[0] == 3
