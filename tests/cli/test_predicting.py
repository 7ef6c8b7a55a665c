"""The verbs around one account: what they answer as text and as JSON, and with which exit code."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from cs_ml.cli.main import main
from cs_ml.domain.actor import Actor
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.store.database import Database
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_cta,
    add_health,
    add_opportunity,
    add_prediction,
    add_reference,
    add_tenant,
)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out)["data"]

    @property
    def error(self) -> Any:
        assert self.err == ""
        return json.loads(self.out)


class CommandLine:
    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str) -> Done:
        """Runs one verb in this process, with NOW as its clock."""
        with time_machine.travel(NOW, tick=False), pytest.raises(SystemExit) as ended:
            main(words)
        printed = self._capture.readouterr()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, printed.out, printed.err)


@pytest.fixture
def cs_ml(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    monkeypatch.setenv("CS_ML_DATABASE_URL", database_url)
    return CommandLine(capsys)


@pytest.fixture
def acme(database: Database) -> Actor:
    """Tenant acme with the account A-1, of which something is known, and another tenant beside it."""
    actor, other = add_tenant(database, "acme"), add_tenant(database, "other")
    account = add_account(database, actor, name="Globex")
    add_reference(database, actor, account, "A-1")
    for day in range(40, 300, 10):
        add_activity(database, actor, account, completed_at=NOW - timedelta(days=day))
    add_activity(database, actor, account, completed_at=NOW - timedelta(days=4), details={"sentiment": "NEGATIVE"})
    add_health(database, actor, account, calculated_at=NOW - timedelta(days=3), overall_score=25)
    add_cta(database, actor, account, due_date=NOW - timedelta(days=2), created_at=NOW - timedelta(days=9))
    add_opportunity(database, actor, account, created_at=NOW - timedelta(days=9))
    add_reference(database, other, add_account(database, other), "B-1")
    return actor


def test_context_as_json_is_what_a_prediction_receives(cs_ml: CommandLine, acme: Actor) -> None:
    found = cs_ml("context", "A-1", "--tenant", "acme", "--json").data
    assert (found["profile"]["name"], found["profile"]["reference"], found["live"]) == ("Globex", "A-1", True)
    assert found["asOf"] == "2026-06-30T12:00:00.000Z"
    assert [len(found[part]) for part in ("health", "activities", "ctas", "opportunities")] == [1, 1, 1, 1]
    assert found["ctas"][0]["overdueDays"] == 2
    assert found["history"]["windows"][3] == {"days": 365, "count": 27, "quantity": 0.0, "amount": 0.0}
    past = cs_ml("context", "A-1", "--tenant", "acme", "--as-of", "2026-06-25", "--json").data
    assert (past["asOf"], past["live"]) == ("2026-06-25T23:59:59.999Z", False)
    assert (past["health"], past["activities"], past["profile"]["ownerId"]) == ([], [], None)
    edge = cs_ml("context", "A-1", "--tenant", "acme", "--as-of", "2026-06-26", "--json").data
    assert len(edge["activities"]) == 1
    assert acme.tenant_id not in json.dumps(found)


@pytest.mark.usefixtures("acme")
def test_context_as_text(cs_ml: CommandLine) -> None:
    done = cs_ml("context", "A-1", "--tenant", "acme")
    assert (done.code, done.err) == (0, "")
    first, *_, counts, complete = done.out.splitlines()
    assert first == "Globex (A-1) as of 2026-06-30 12:00 UTC"
    assert "  M1 Days since the last activity: 4" in done.out
    assert counts == "  1 health points, 1 activities, 1 open CTAs, 1 opportunities"
    assert complete.startswith("  complete: 4")
    assert "No renewal date." in complete


@pytest.mark.usefixtures("acme")
def test_predict_is_stored_and_served(cs_ml: CommandLine) -> None:
    words = ("predict", "A-1", "--tenant", "acme", "--json")
    first = cs_ml(*words).data
    assert (first["cached"], first["status"], first["engine"], first["predictionWindowDays"]) == (
        False, "ACTIVE", "rules", 90,
    )  # fmt: skip
    assert sum(part["points"] for part in first["parts"]) == pytest.approx(first["probability"], abs=1e-12)
    assert first["churnProbability"] + first["retentionProbability"] == pytest.approx(1)
    assert first["validUntil"] == "2026-07-30T12:00:00.000Z"
    assert all(factor["evidence"] for factor in first["riskFactors"])
    assert {"negative_mood", "health_level", "overdue_ctas"} <= {factor["code"] for factor in first["riskFactors"]}
    again = cs_ml(*words).data
    assert (again["id"], again["cached"]) == (first["id"], True)
    assert again == {**first, "cached": True}
    fresh = cs_ml(*words, "--refresh").data
    assert fresh["id"] != first["id"]
    longer = cs_ml(*words, "--window", "365").data
    assert longer["probability"] > fresh["probability"]
    replay = cs_ml(*words, "--as-of", "2026-03-31").data
    assert (replay["id"], replay["origin"], replay["newFactsSince"]) == (None, "replay", 0)


@pytest.mark.usefixtures("acme")
def test_predict_as_text(cs_ml: CommandLine) -> None:
    done = cs_ml("predict", "A-1", "--tenant", "acme")
    assert (done.code, done.err) == (0, "")
    assert "% chance of leaving within 90 days: " in done.out
    assert "Engine rules (new)." in done.out
    assert "points  Low health: median health 25 of 100 in 90 days" in done.out
    assert "  -> " in done.out
    assert "  ! No renewal date." in done.out
    assert "Engine rules (stored)." in cs_ml("predict", "A-1", "--tenant", "acme").out


def test_a_stored_fallback_and_new_facts_are_said(cs_ml: CommandLine, acme: Actor, database: Database) -> None:
    account = add_account(database, acme)
    add_reference(database, acme, account, "A-2")
    add_prediction(database, acme, account, fallback_reason="timeout", as_of=NOW - timedelta(days=1))
    add_activity(database, acme, account)
    done = cs_ml("predict", "A-2", "--tenant", "acme")
    assert "A better engine could not answer this time: timeout." in done.out
    assert "1 new facts since this prediction; --refresh takes them in." in done.out


@pytest.mark.usefixtures("acme")
def test_predictions_lists_what_is_stored(cs_ml: CommandLine) -> None:
    words = ("predictions", "A-1", "--tenant", "acme")
    assert cs_ml(*words).out == "No prediction is stored for this account yet. `cs-ml predict` makes one.\n"
    assert cs_ml(*words, "--json").data == []
    ids = [cs_ml("predict", "A-1", "--tenant", "acme", "--refresh", "--json").data["id"] for _ in range(2)]
    assert [one["id"] for one in cs_ml(*words, "--json").data] == ids[::-1]
    assert [one["id"] for one in cs_ml(*words, "--active", "--type", "churn", "--json").data] == ids[1:]
    assert cs_ml(*words, "--type", "EXPANSION", "--json").data == []
    lines = cs_ml(*words).out.splitlines()
    assert [line.split()[-1] for line in lines] == ["active", "expired"]
    assert lines[0].startswith("2026-06-30 12:00  CHURN ")


VERBS = ("context", "predict", "predictions")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("verb", VERBS)
def test_another_tenants_account_and_none_at_all_look_the_same(cs_ml: CommandLine, verb: str) -> None:
    answers = {cs_ml(verb, account, "--tenant", "acme", "--json").out for account in ("B-1", "2", "999", "nowhere")}
    assert len(answers) == 1
    (answer,) = answers
    assert json.loads(answer)["code"] == "ACCOUNT_NOT_FOUND"
    done = cs_ml(verb, "B-1", "--tenant", "acme")
    assert (done.code, done.out) == (3, "")
    assert done.err == cs_ml(verb, "nowhere", "--tenant", "acme").err == json.loads(answer)["error"] + "\n"
    assert cs_ml(verb, "A-1", "--tenant", "nobody", "--json").error["code"] == "TENANT_NOT_FOUND"


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    "day", ["yesterday", "2026-02-30", "30.06.2026", "2026-06-30T10:00", "", "20260630", "0000-01-01"]
)
def test_a_bad_date_is_invalid(cs_ml: CommandLine, day: str) -> None:
    for verb in ("context", "predict"):
        done = cs_ml(verb, "A-1", "--tenant", "acme", "--as-of", day, "--json")
        assert (done.code, done.error["code"], list(done.error["fields"])) == (4, "VALIDATION", ["as_of"])
    text = cs_ml("context", "A-1", "--tenant", "acme", "--as-of", day)
    assert (text.code, text.out) == (4, "")
    assert text.err == f"--as-of must be a date such as 2026-03-31, not `{day}`.\n"


@pytest.mark.usefixtures("acme")
def test_the_past_begins_in_1970(cs_ml: CommandLine) -> None:
    words = ("context", "A-1", "--tenant", "acme", "--json", "--as-of")
    assert [cs_ml(*words, day).code for day in ("0001-01-01", "1969-12-31", "1970-01-01", "9999-12-31")] == [4, 4, 0, 0]


@pytest.mark.usefixtures("acme")
def test_exit_codes(cs_ml: CommandLine) -> None:
    predict = ("predict", "A-1", "--tenant", "acme")
    assert cs_ml(*predict).code == 0
    assert cs_ml("predict", "A-1").code == 2
    assert cs_ml(*predict, "--type", "WEATHER").code == 2
    assert cs_ml(*predict, "--window", "much", "--json").error["code"] == "USAGE"
    assert cs_ml("predict", "A-9", "--tenant", "acme").code == 3
    window = cs_ml(*predict, "--window", "29", "--json")
    assert (window.code, window.error["fields"]) == (4, {"window": "30 to 365 days"})
    kind = cs_ml(*predict, "--type", "expansion", "--json")
    assert (kind.code, kind.error["code"]) == (4, "INVALID_PREDICTION_TYPE")


def test_the_daily_limit_has_an_exit_code_of_its_own(cs_ml: CommandLine, acme: Actor, database: Database) -> None:
    TenantSettingsService(database, lambda: NOW).set(acme, "limit_predictions_per_day", "1")
    assert cs_ml("predict", "A-1", "--tenant", "acme").code == 0
    limited = cs_ml("predict", "A-1", "--tenant", "acme", "--refresh", "--json")
    assert (limited.code, limited.error["code"]) == (5, "RATE_LIMITED")
    assert "2026-07-01 00:00 UTC" in limited.error["error"]
    assert cs_ml("predict", "A-1", "--tenant", "acme").code == 0


@pytest.mark.usefixtures("acme")
def test_health_tells_what_the_score_does_and_stays_silent_on_what_is_unknown(cs_ml: CommandLine) -> None:
    found = cs_ml("health", "A-1", "--tenant", "acme", "--json").data
    assert (found["currentHealthScore"], found["predictedScore"], found["derived"]) == (25, None, False)
    assert "needs 3" in found["noForecastReason"]
    assert found["riskAreas"] == found["summary"][-len(found["riskAreas"][0]) :].split("\n")
    assert found["predictionWindowDays"] == 30
    assert cs_ml("health", "A-1", "--tenant", "acme", "--json").data["cached"]
    assert "25 of 100 (poor)" in cs_ml("health", "A-1", "--tenant", "acme").out
    assert cs_ml("health", "B-1", "--tenant", "acme", "--json").code == 3
    same = cs_ml("predict", "A-1", "--tenant", "acme", "--type", "health_trend", "--json").data
    assert (same["predictionType"], same["currentHealthScore"]) == ("HEALTH_TREND", 25)
    assert "churnProbability" not in same
    assert "leaving" not in cs_ml("predict", "A-1", "--tenant", "acme", "--type", "health_trend").out


@pytest.mark.usefixtures("acme")
def test_explain_adds_up_and_refuses_what_is_no_span(cs_ml: CommandLine) -> None:
    words = ("explain", "A-1", "--tenant", "acme", "--from", "2026-05-01", "--to", "2026-06-29")
    found = cs_ml(*words, "--json").data
    churn = found["churn"]
    assert sum(part["points"] for part in churn["parts"]) == pytest.approx(churn["change"])
    assert churn["after"] == pytest.approx(churn["before"] + churn["change"])
    assert found["health"] is None
    assert "before 1 May 2026" in found["noHealthReason"]
    assert "Chance of leaving within 90 days" in cs_ml(*words).out
    refused = cs_ml("explain", "A-1", "--tenant", "acme", "--from", "May", "--to", "2026-06-29", "--json")
    assert (refused.code, list(refused.error["fields"])) == (4, ["from"])
    assert cs_ml("health-backtest", "--tenant", "acme", "--json").code == 4


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_batch_waits_for_the_night_where_that_can_be(cs_ml: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("batch", "--tenant", "acme", "--overnight")
    assert "CS_ML_LLM_BATCH_API is off" in cs_ml(*words).err
    monkeypatch.setenv("CS_ML_LLM_BATCH_API", "true")
    refused = cs_ml(*words, "--json").error
    assert refused["code"] == "NOT_OVERNIGHT"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    done = cs_ml(*words)
    assert "1 to compute, cost not known yet, answered within a day" in done.err
    assert "1 accounts, 0 done" in done.out
