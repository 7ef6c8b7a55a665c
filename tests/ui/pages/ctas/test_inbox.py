"""The CTAs page: sections, and what people do with CTAs."""

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Role
from cs_ml.domain.ctas.values import CtaStatus
from cs_ml.services.identity.access import AccessService
from cs_ml.ui import runtime
from cs_ml.ui.state import Key
from tests.services.work.working import Work
from tests.support.apps import TIMEOUT_S, App
from tests.support.factories import NOW, SUGGESTED, add_account, add_cta, add_playbook
from tests.support.source import ROOT
from tests.ui.pages.ctas.reading import opened, press, shown

TODAY = NOW.replace(hour=0)


def add(work: Work, **overrides: object) -> int:
    account = add_account(work.database, work.actor, name="Fenbrook ![x](http://x)")
    return add_cta(work.database, work.actor, account, **overrides)


@pytest.mark.parametrize("page", ["ctas", "playbooks"])
@pytest.mark.usefixtures("app")
def test_nobody_sees_anything(page: str) -> None:
    test = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=TIMEOUT_S)
    test.run()
    assert shown(test) == runtime.SIGN_IN_NOTICE


@pytest.mark.usefixtures("work")
def test_empty_sections_say_what_to_do(app: App) -> None:
    words = shown(opened(app, "ctas"))
    for expected in ("Today: 0 CTAs", "Nothing is due today", "No CTA was made from a prediction yet"):
        assert expected in words


def test_sections_and_text_of_others(app: App, work: Work) -> None:
    add(work, title="**Late** <b>one</b>", due_date=TODAY - timedelta(days=2))
    add(work, title="Today's", due_date=TODAY)
    words = shown(opened(app, "ctas", section="overdue"))
    assert "overdue by 2 days" in words
    assert "Today's" not in words
    labels = [button.label for button in opened(app, "ctas", section="overdue").button]
    assert r"**\*\*Late\*\* \<b\>one\<\/b\>**" in labels
    assert "Overdue\N{NO-BREAK SPACE}· 1" in labels


def test_a_suggestion_leads_to_its_account(app: App, work: Work) -> None:
    work.suggested()
    words = shown(opened(app, "ctas", section="suggested"))
    assert str(SUGGESTED["title"]) in words
    assert "Suggested: 1 suggestion" in words


def test_start_complete_and_the_figures_change(app: App, work: Work) -> None:
    cta_id = work.accepted()
    test = opened(app, "ctas", section="week", cta=str(cta_id))
    assert "0 of 1 (0 %)" in shown(test)
    press(test, "Start")
    assert "Started: 1 CTA." in shown(test)
    test.text_area(key=f"{Key.COMPLETE}_{cta_id}_note").input("They renew")
    press(test, "Complete")
    words = shown(test)
    assert "Completed: 1 CTA." in words
    assert "1 of 1 (100 %)" in words
    done = work.inbox.get(work.actor, cta_id)
    assert (done.status, done.outcome, done.note) == (CtaStatus.COMPLETED, "solved", "They renew")


def test_who_was_too_late_is_told(app: App, work: Work) -> None:
    cta_id = add(work, due_date=TODAY)
    test = opened(app, "ctas", section="today", cta=str(cta_id))
    seen = work.inbox.get(work.actor, cta_id).version
    work.clock.advance(minutes=1)
    work.changes.start(work.actor, {cta_id: seen})
    test.text_input(key=f"{Key.CANCEL}_{cta_id}_reason").input("Not needed")
    press(test, "Cancel")
    assert "Somebody else changed 1 CTA" in shown(test)
    assert work.inbox.get(work.actor, cta_id).status is CtaStatus.IN_PROGRESS


def test_moving_the_due_day_with_its_tasks_can_be_undone(app: App, work: Work) -> None:
    playbook = add_playbook(work.database, work.actor, 1)
    cta_id = work.accepted(suggested_cta={**SUGGESTED, "playbookId": playbook})
    test = opened(app, "ctas", section="week", cta=str(cta_id))
    test.date_input(key=f"{Key.EDIT}_{cta_id}_due").set_value((NOW + timedelta(days=13)).date())
    press(test, "Save")
    assert "The due day and the open tasks moved." in shown(test)
    moved = work.inbox.get(work.actor, cta_id)
    press(test, "Undo the move")
    assert "The move is taken back." in shown(test)
    back = work.inbox.get(work.actor, cta_id)
    assert moved.due != back.due
    assert moved.tasks[0].due != back.tasks[0].due


def test_many_at_once(app: App, work: Work) -> None:
    ids = [add(work, due_date=TODAY) for _ in range(3)]
    test = opened(app, "ctas", section="today")
    for cta_id in ids[:2]:
        test.checkbox(key=f"{Key.PICK}_{cta_id}").check()
    test.run()
    assert "2 CTAs chosen" in shown(test)
    test.text_input(key=f"{Key.SNOOZE}_chosen_reason").input("Holidays")
    press(test, "Snooze")
    assert "Snoozed: 2 CTAs." in shown(test)
    assert [work.inbox.get(work.actor, cta_id).status for cta_id in ids] == [
        CtaStatus.SNOOZED,
        CtaStatus.SNOOZED,
        CtaStatus.OPEN,
    ]


def test_a_task_is_ticked_off(app: App, work: Work) -> None:
    playbook = add_playbook(work.database, work.actor, 1)
    cta_id = work.accepted(suggested_cta={**SUGGESTED, "playbookId": playbook})
    (task,) = work.inbox.get(work.actor, cta_id).tasks
    test = opened(app, "ctas", section="week", cta=str(cta_id))
    test.checkbox(key=f"{Key.TASK}_{task.id}").check().run()
    assert "1 of 1 task done" in shown(test)


@pytest.mark.usefixtures("work")
def test_a_link_to_what_is_not_there(app: App) -> None:
    assert "There is no such CTA" in shown(opened(app, "ctas", cta="99999"))


def test_who_only_reads_has_nothing_to_press(app: App, work: Work) -> None:
    cta_id = add(work, due_date=TODAY)
    access = AccessService(work.database, work.clock)
    person = access.add_user(work.actor, "vic@acme.example", role=Role.VIEWER).person
    app.sign_in(access.actor_for(person.id, work.actor.tenant_id))
    test = opened(app, "ctas", section="today", cta=str(cta_id))
    assert "due today" in shown(test)
    assert not {"Start", "Complete", "Cancel"} & {button.label for button in test.button}
