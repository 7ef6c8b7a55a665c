"""The verbs around calls to action: what they answer as text and as JSON, and with which exit code."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine

from cs_ml.cli.main import main
from cs_ml.domain.actor import Actor, Role
from cs_ml.services.identity.access import AccessService
from cs_ml.store.database import Database
from cs_ml.store.tables import CTA
from tests.services.work.working import Work
from tests.support.factories import NOW, SUGGESTED, add_cta, add_reference, add_tenant

ADA = ("--tenant", "acme", "--user", "ada@acme.example")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out)["data"]


class CommandLine:
    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str) -> Said:
        with time_machine.travel(NOW, tick=False), pytest.raises(SystemExit) as ended:
            main(["ctas", *words])
        printed = self._capture.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, printed.out, printed.err)


@pytest.fixture
def ctas(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    monkeypatch.setenv("CS_ML_DATABASE_URL", database_url)
    return CommandLine(capsys)


@pytest.fixture
def work(database: Database) -> Work:
    """Tenant acme with Ada and the account A-1, for which a CTA is suggested."""
    actor = add_tenant(database, "acme")
    access = AccessService(database, lambda: NOW)
    access.add_user(actor, "ada@acme.example", role=Role.MEMBER, name="Ada")
    made = Work(database, actor)
    add_reference(database, actor, made.suggested(), "A-1")
    return made


def test_propose_says_what_would_come_of_it(ctas: CommandLine, work: Work) -> None:
    found = ctas("propose", "A-1", *ADA, "--json").data
    assert found["proposal"]["title"] == SUGGESTED["title"]
    assert found["decision"] == {
        "allowed": True,
        "reason": None,
        "until": None,
        "blockingCtaId": None,
        "mayOverride": True,
        "heldBack": [],
    }
    assert (found["due"], found["cta"], list(work.rows())) == ("2026-07-06", None, [])
    assert "Nothing holds it back." in ctas("propose", "A-1", *ADA).out


def test_accept_makes_it_once_for_the_user(ctas: CommandLine, work: Work) -> None:
    first, second = (ctas("accept", "A-1", *ADA, "--json").data for _ in range(2))
    assert (first["wasCreated"], second["wasCreated"]) == (True, False)
    assert first["cta"] == second["cta"]
    assert first["cta"]["ownerName"] == "Ada"
    assert first["generationReason"] == SUGGESTED["reason"]
    assert ctas("propose", "A-1", *ADA, "--json").data["cta"]["id"] == first["cta"]["id"]
    (event,) = work.actions()
    assert event == "cta.accepted"
    assert "There already is CTA" in ctas("accept", "A-1", *ADA).out


@pytest.mark.usefixtures("work")
def test_accept_edited(ctas: CommandLine) -> None:
    words = ("--title", "Call the CFO", "--due", "2026-07-01")
    cta = ctas("accept", "A-1", *ADA, *words, "--json").data["cta"]
    assert (cta["title"], cta["due"]) == ("Call the CFO", "2026-07-01")
    wrong = ctas("accept", "A-1", *ADA, "--due", "soon")
    assert (wrong.code, "such as 2026-12-01" in wrong.err) == (4, True)


def test_what_is_held_back_needs_a_note(ctas: CommandLine, work: Work) -> None:
    account = int(ctas("propose", "A-1", *ADA, "--json").data["accountId"])
    blocking = add_cta(work.database, work.actor, account, title="Call the main contact")
    decision = ctas("propose", "A-1", *ADA, "--json").data["decision"]
    assert (decision["allowed"], decision["reason"], decision["blockingCtaId"]) == (False, "similar_open", blocking)
    refused = ctas("accept", "A-1", *ADA, "--json")
    assert refused.code == 4
    error = json.loads(refused.out)
    assert error["code"] == "CTA_NOT_CREATED"
    assert error["fields"] == {"reason": "similar_open", "blockingCtaId": str(blocking)}
    assert ctas("accept", "A-1", *ADA, "--note", "Another person there", "--json").data["wasCreated"] is True


@pytest.mark.usefixtures("work")
def test_dismiss_keeps_the_reason(ctas: CommandLine) -> None:
    found = ctas("dismiss", "A-1", *ADA, "--reason", "not a real risk", "--json").data
    assert found["dismissed"]["reason"] == "not a real risk"
    assert "Dismissed on 2026-06-30" in ctas("propose", "A-1", *ADA).out


def test_list_stats_and_generate(ctas: CommandLine, work: Work) -> None:
    tenant = ("--tenant", "acme", "--json")
    assert ctas("stats", *tenant).data["completionRate"] is None
    preview = ctas("generate", "--preview", *tenant).data
    assert (preview["generated"], preview["preview"], list(work.rows(CTA))) == (1, True, [])
    done = ctas("generate", "--type", "CHURN", "--max", "20", *tenant).data
    assert (done["generated"], done["skipped"], done["results"][0]["created"]) == (1, 0, True)
    (cta,) = ctas("list", *tenant).data
    assert (cta["title"], cta["isAutomated"]) == (SUGGESTED["title"], True)
    assert ctas("list", "--section", "done", *tenant).data == []
    stats = ctas("stats", *tenant).data
    assert {name: stats[name] for name in ("totalGenerated", "openCount", "completedCount", "completionRate")} == {
        "totalGenerated": 1,
        "openCount": 1,
        "completedCount": 0,
        "completionRate": 0.0,
    }
    assert stats["byType"] == [{"type": "RISK", "made": 1, "open": 1, "completed": 0, "cancelled": 0}]
    for words, said in (
        (("list",), SUGGESTED["title"]),
        (("stats",), "Made from predictions: 1"),
        (("generate",), "Made: 0. Held back: 0."),
    ):
        assert said in ctas(*words, "--tenant", "acme").out


def test_who_has_no_place_in_the_tenant_does_not_exist(ctas: CommandLine, work: Work) -> None:
    stranger = ctas("accept", "A-1", "--tenant", "acme", "--user", "eve@acme.example")
    assert (stranger.code, "Nobody at" in stranger.err) == (3, True)
    viewer = Actor.system(work.actor.tenant_id)
    AccessService(work.database, lambda: NOW).add_user(viewer, "vic@acme.example", role=Role.VIEWER)
    assert ctas("accept", "A-1", "--tenant", "acme", "--user", "vic@acme.example").code == 1
    assert list(work.rows()) == []
