"""Taking up a suggestion: what is made of it, once, and what holds it back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.ctas.decisions import SkipReason
from cs_ml.domain.ctas.values import CtaDraft, CtaPriority, CtaStatus, Dismissal
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.store.tables import CTA, AccountMLPrediction, AuditEvent
from tests.services.work.crowd import accept_at_once
from tests.services.work.working import Work
from tests.support.factories import NOW, SUGGESTED, add_account, add_cta, add_playbook, add_tenant, add_user

MONDAY = date(2026, 7, 6)


def test_a_suggestion_becomes_a_cta_with_the_tasks_of_its_playbook(work: Work) -> None:
    playbook = add_playbook(work.database, work.actor, 0, 4, name="Break the silence")
    account = work.suggested(suggested_cta={**SUGGESTED, "playbookId": playbook})
    done = work.suggestions.accept(work.actor, account)
    cta = done.cta
    assert (done.was_created, done.generation_reason) == (True, SUGGESTED["reason"])
    assert (cta.title, cta.due, cta.status, cta.priority) == (SUGGESTED["title"], MONDAY, CtaStatus.OPEN, "HIGH")
    assert (cta.owner_id, cta.is_automated, cta.trigger_rule) == (work.actor.user_id, False, "ML_CHURN")
    assert [(task.title, task.due) for task in cta.tasks] == [
        ("Step 1", date(2026, 6, 30)),
        ("Step 2", date(2026, 7, 6)),  # the fourth day is a Saturday
    ]
    assert [one.times_used for one in work.playbooks.list(work.actor)] == [1]
    (prediction,) = work.rows(AccountMLPrediction)
    assert prediction.generated_cta_id == cta.id
    (entry,) = work.rows(AuditEvent)
    assert (entry.action, entry.entity_id, entry.user_id, entry.source) == (
        "cta.accepted",
        str(cta.id),
        work.actor.user_id,
        "app",
    )


def test_accepting_twice_makes_one(work: Work) -> None:
    account = work.suggested()
    first, second = (work.suggestions.accept(work.actor, account) for _ in range(2))
    assert (first.was_created, second.was_created) == (True, False)
    assert first.cta == second.cta
    assert len(work.rows()) == len(work.rows(AuditEvent)) == 1


def test_many_processes_at_once_make_one_and_get_the_same(work: Work, database_url: str) -> None:
    """Here a few; `python -m benchmarks.ctas` asks 50."""
    account = work.suggested(valid_until=NOW + timedelta(days=3650))
    answers = accept_at_once(database_url, work.actor, account, processes=4)
    assert len({answer[:2] for answer in answers}) == 1
    assert sorted(answer[2] for answer in answers) == [False, False, False, True]
    assert len(work.rows()) == 1
    assert work.actions() == ["cta.accepted"]


def test_an_edited_one_is_made_as_edited(work: Work) -> None:
    colleague = add_user(work.database)
    with work.database.identity(write=True) as identity:
        identity.set_membership(work.actor.tenant_id, colleague, Role.MEMBER, "all", NOW)
    draft = CtaDraft(
        title="Talk to the CFO",
        reason="She called.",
        priority=CtaPriority.CRITICAL,
        due=date(2026, 7, 1),
        owner_id=colleague,
        playbook_id=None,
    )
    cta = work.suggestions.accept(work.actor, work.suggested(), draft=draft).cta
    assert (cta.title, cta.reason, cta.priority, cta.due, cta.owner_id) == (
        "Talk to the CFO",
        "She called.",
        CtaPriority.CRITICAL,
        date(2026, 7, 1),
        colleague,
    )


@pytest.mark.parametrize(
    "wrong", [{"title": " "}, {"title": "x" * 201}, {"due": date(2026, 6, 29)}, {"owner_id": 99_999}]
)
def test_what_no_cta_may_be_is_refused_and_nothing_stays(work: Work, wrong: dict[str, Any]) -> None:
    assert work.actor.user_id is not None
    draft = CtaDraft(
        title="Call",
        reason="",
        priority=CtaPriority.LOW,
        due=MONDAY,
        owner_id=work.actor.user_id,
        playbook_id=None,
    )
    account = work.suggested()
    with pytest.raises(Invalid):
        work.suggestions.accept(work.actor, account, draft=replace(draft, **wrong))
    assert list(work.rows()) == []


def test_another_tenants_playbook_does_not_exist(work: Work) -> None:
    foreign = add_playbook(work.database, add_tenant(work.database), 1)
    assert work.actor.user_id is not None
    draft = CtaDraft(
        title="Call", reason="", priority=CtaPriority.LOW, due=MONDAY, owner_id=work.actor.user_id, playbook_id=foreign
    )
    with pytest.raises(NotFound):
        work.suggestions.accept(work.actor, work.suggested(), draft=draft)


def test_a_due_day_that_has_passed_is_counted_anew(work: Work) -> None:
    account = work.suggested()
    work.clock.advance(days=20)  # a Monday
    assert work.suggestions.proposal(work.actor, account).due == date(2026, 7, 27)
    assert work.suggestions.accept(work.actor, account).cta.due == date(2026, 7, 27)


def similar(work: Work, account: int) -> int:
    return add_cta(work.database, work.actor, account, title="call: the main contact, this week!")


def cooling(work: Work, account: int) -> int:
    return add_cta(
        work.database,
        work.actor,
        account,
        title="Ask for feedback",
        status="COMPLETED",
        is_automated=True,
        created_at=NOW - timedelta(days=3),
    )


HELD: list[tuple[SkipReason, dict[str, Any], Callable[[Work, int], int] | None]] = [
    (SkipReason.CONFIDENCE, {"confidence": 0.49}, None),
    (SkipReason.LOW_RISK, {"category": "low", "probability": 0.1}, None),
    (SkipReason.SIMILAR_OPEN, {}, similar),
    (SkipReason.COOLDOWN, {}, cooling),
]


@pytest.mark.parametrize(("reason", "prediction", "before"), HELD)
def test_a_rule_tells_a_person_who_may_go_on_with_a_note(
    work: Work,
    reason: SkipReason,
    prediction: dict[str, Any],
    before: Callable[[Work, int], int] | None,
) -> None:
    account = work.suggested(**prediction)
    blocking = before(work, account) if before else None
    decision = work.suggestions.proposal(work.actor, account).decision
    assert (decision.reason, decision.blocking_cta_id, decision.may_override) == (reason, blocking, True)
    with pytest.raises(Invalid) as held:
        work.suggestions.accept(work.actor, account)
    assert (held.value.code, held.value.fields["reason"]) == ("CTA_NOT_CREATED", reason)
    assert ("until" in held.value.fields) == (reason is SkipReason.COOLDOWN)
    done = work.suggestions.accept(work.actor, account, note="The CFO asked for it")
    assert done.was_created
    assert "made all the same: The CFO asked for it" in (done.cta.description or "")
    (entry,) = work.rows(AuditEvent)
    assert entry.after["overridden"] is True


def test_a_prediction_that_suggests_nothing_makes_nothing_whatever_the_note(work: Work) -> None:
    account = work.suggested(suggested_cta=None)
    assert work.suggestions.proposal(work.actor, account).decision.reason is SkipReason.NO_SUGGESTION
    with pytest.raises(Invalid, match="no reason to act"):
        work.suggestions.accept(work.actor, account, note="All the same")


@pytest.mark.parametrize(
    ("title", "alike"),
    [
        ("Call the main contact", True),
        ("This week: call the main contact", True),
        ("Call the main contcat this week", True),
        ("Send the invoice again", False),
        ("Prepare the renewal 2026", False),
    ],
)
def test_titles_are_alike_or_not(work: Work, title: str, alike: bool) -> None:
    account = work.suggested()
    add_cta(work.database, work.actor, account, title=title)
    decision = work.suggestions.proposal(work.actor, account).decision
    assert (decision.reason is SkipReason.SIMILAR_OPEN) == alike


def test_alike_counts_only_on_the_same_account_of_the_same_type_and_open(work: Work) -> None:
    account, same = work.suggested(), str(SUGGESTED["title"])
    add_cta(work.database, work.actor, add_account(work.database, work.actor), title=same)
    add_cta(work.database, work.actor, account, title=same, type="LIFECYCLE")
    add_cta(work.database, work.actor, account, title=same, status="CANCELLED")
    assert work.suggestions.proposal(work.actor, account).decision.allowed


def test_new_evidence_goes_to_the_open_one_once_and_may_raise_its_priority(work: Work) -> None:
    account = work.suggested()
    open_one = add_cta(work.database, work.actor, account, title="Call the main contact", priority="LOW")
    cta = work.suggestions.add_evidence(work.actor, account)
    assert (cta.id, cta.priority) == (open_one, CtaPriority.HIGH)
    assert (cta.description or "").startswith(f"2026-06-30: new evidence\n{SUGGESTED['reason']}")
    again = work.suggestions.add_evidence(work.actor, account)
    assert again.description == cta.description
    assert work.actions() == ["cta.evidence_added"]
    assert len(work.rows()) == 1


def test_dismissing_is_noted_once_and_undone_by_accepting(work: Work) -> None:
    account = work.suggested()
    for reason in (Dismissal.HANDLED, Dismissal.NO_RISK):
        found = work.suggestions.dismiss(work.actor, account, reason, note="Ada is on it")
        assert found.dismissed is not None
        assert (found.dismissed.reason, found.dismissed.note) == (Dismissal.HANDLED, "Ada is on it")
    assert work.actions() == ["suggestion.dismissed"]
    assert work.suggestions.accept(work.actor, account).was_created
    with pytest.raises(Invalid, match="already"):
        work.suggestions.dismiss(work.actor, account, Dismissal.OTHER)


def test_without_a_valid_prediction_there_is_nothing_to_accept(work: Work) -> None:
    account = work.suggested()
    work.clock.advance(days=30)
    for act in (work.suggestions.proposal, work.suggestions.accept):
        with pytest.raises(NotFound) as missing:
            act(work.actor, account)
        assert missing.value.code == "PREDICTION_NOT_FOUND"


def test_who_only_reads_changes_nothing(work: Work) -> None:
    viewer = Actor(tenant_id=work.actor.tenant_id, role=Role.VIEWER, user_id=work.actor.user_id)
    account = work.suggested()
    assert work.suggestions.proposal(viewer, account).decision.allowed
    with pytest.raises(Forbidden):
        work.suggestions.accept(viewer, account)
    with pytest.raises(Forbidden):
        work.suggestions.dismiss(viewer, account, Dismissal.OTHER)
    assert list(work.rows(CTA)) == []
