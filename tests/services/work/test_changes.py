"""What people do with CTAs, alone and in bulk; who was too late is told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.ctas.inbox import InboxQuery, Section
from cs_ml.domain.ctas.values import Cta, CtaPriority, CtaStatus, Outcome, TaskStatus
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.services.work.changes import CtaEdit
from cs_ml.store.tables import AuditEvent
from tests.services.work.working import Work
from tests.support.factories import NOW, SUGGESTED, add_account, add_cta, add_playbook, add_tenant


def made(work: Work, **overrides: object) -> Cta:
    account = add_account(work.database, work.actor)
    return work.inbox.get(work.actor, add_cta(work.database, work.actor, account, **overrides))


def seen(*ctas: Cta) -> dict[int, datetime]:
    return {cta.id: cta.version for cta in ctas}


def test_a_life_from_start_to_completion(work: Work) -> None:
    cta = made(work)
    work.changes.start(work.actor, seen(cta))
    started = work.inbox.get(work.actor, cta.id)
    work.clock.advance(days=2)
    assert work.changes.complete(work.actor, seen(started), Outcome.SOLVED, " They renew. ").done == [cta.id]
    done = work.inbox.get(work.actor, cta.id)
    assert (started.status, done.status) == (CtaStatus.IN_PROGRESS, CtaStatus.COMPLETED)
    assert (done.outcome, done.note, done.ended_at) == ("solved", "They renew.", NOW + timedelta(days=2))
    assert work.actions() == ["cta.started", "cta.completed"]
    assert [row.before for row in work.rows(AuditEvent)][:1] == [{"status": "OPEN"}]
    assert work.changes.cancel(work.actor, seen(done), "Too late").lost == [cta.id]


def test_a_snoozed_one_wakes_by_itself_at_the_tenants_midnight(work: Work) -> None:
    work.settings.set(work.actor, "zone", "Europe/Berlin")
    cta = made(work, due_date=NOW - timedelta(days=3))
    work.changes.snooze(work.actor, seen(cta), date(2026, 7, 3), "On holiday")
    asleep = work.inbox.get(work.actor, cta.id)
    assert (asleep.status, asleep.snoozed_until) == (CtaStatus.SNOOZED, datetime(2026, 7, 2, 22, tzinfo=UTC))
    assert asleep.description == "2026-06-30: snoozed until 2026-07-03: On holiday"
    work.clock.now = datetime(2026, 7, 2, 21, 59, 59, tzinfo=UTC)
    assert sections(work) == {Section.SNOOZED: 1}
    work.clock.advance(seconds=1)
    assert sections(work) == {Section.OVERDUE: 1}
    awake = work.inbox.get(work.actor, cta.id)
    assert (awake.status, awake.snoozed_until, work.rows()[0].status) == (CtaStatus.OPEN, None, "SNOOZED")
    work.changes.start(work.actor, seen(made(work)))  # any writer wakes it for good
    assert {row.id: row.status for row in work.rows()}[cta.id] == "OPEN"
    assert work.actions() == ["cta.snoozed", "cta.woken", "cta.started"]
    assert work.inbox.get(work.actor, cta.id).version == asleep.version


def sections(work: Work) -> dict[Section, int]:
    counts = work.inbox.show(work.actor, InboxQuery(section=Section.TODAY)).counts
    return {section: n for section, n in counts.items() if n}


@pytest.mark.parametrize("day", [date(2026, 6, 30), date(2020, 1, 1)])
def test_snoozing_needs_a_day_to_come_and_a_reason(work: Work, day: date) -> None:
    cta = made(work)
    with pytest.raises(Invalid):
        work.changes.snooze(work.actor, seen(cta), day, "Why not")
    with pytest.raises(Invalid):
        work.changes.snooze(work.actor, seen(cta), date(2026, 8, 1), " ")
    with pytest.raises(Invalid):
        work.changes.cancel(work.actor, seen(cta), "")
    assert work.actions() == []


def test_in_bulk_what_somebody_else_changed_stays(work: Work) -> None:
    first, second, third = (made(work) for _ in range(3))
    work.changes.start(work.actor, seen(second))
    changed = work.changes.cancel(work.actor, seen(first, second, third), "Merged into one")
    assert (changed.done, changed.lost) == ([first.id, third.id], [second.id])
    assert [work.inbox.get(work.actor, cta.id).status for cta in (first, second, third)] == [
        CtaStatus.CANCELLED,
        CtaStatus.IN_PROGRESS,
        CtaStatus.CANCELLED,
    ]


def test_only_somebody_of_the_tenant_can_own_one(work: Work) -> None:
    cta, stranger = made(work), add_tenant(work.database).user_id
    assert stranger is not None
    with pytest.raises(Invalid):
        work.changes.assign(work.actor, seen(cta), stranger)
    assert work.actor.user_id is not None
    assert work.changes.assign(work.actor, seen(cta), work.actor.user_id).done == [cta.id]


def edited(cta: Cta, **changes: object) -> CtaEdit:
    values: dict[str, object] = {"title": cta.title, "priority": cta.priority, "due": cta.due or date(2026, 7, 10)}
    return CtaEdit(**(values | changes))  # type: ignore[arg-type]


def test_of_two_edits_of_one_version_the_second_is_told(work: Work) -> None:
    cta = made(work)
    work.changes.edit(work.actor, cta.id, cta.version, edited(cta, title="First"))
    with pytest.raises(Invalid) as late:
        work.changes.edit(work.actor, cta.id, cta.version, edited(cta, title="Second"))
    assert late.value.code == "CONFLICT"
    assert work.inbox.get(work.actor, cta.id).title == "First"


def test_of_twenty_edits_at_once_one_is_saved(work: Work) -> None:
    """The clock stands still, so that no two versions differ by chance."""
    cta = made(work)

    def edit(number: int) -> bool:
        try:
            work.changes.edit(work.actor, cta.id, cta.version, edited(cta, title=f"Edit {number}"))
        except Invalid:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        saved = list(threads.map(edit, range(20)))
    assert saved.count(True) == 1
    assert work.inbox.get(work.actor, cta.id).title == f"Edit {saved.index(True)}"


def with_tasks(work: Work) -> Cta:
    playbook = add_playbook(work.database, work.actor, 0, 2, 7)
    return work.suggestions.accept(work.actor, work.suggested(suggested_cta={**SUGGESTED, "playbookId": playbook})).cta


def dues(cta: Cta) -> list[date | None]:
    return [cta.due, *(task.due for task in cta.tasks)]


def test_moving_the_due_day_takes_open_tasks_along_and_back(work: Work) -> None:
    cta = with_tasks(work)
    before = dues(cta)
    assert before == [date(2026, 7, 6), date(2026, 6, 30), date(2026, 7, 2), date(2026, 7, 7)]
    work.changes.set_task(work.actor, cta.id, cta.tasks[0].id, done=True)
    moved = work.changes.edit(work.actor, cta.id, cta.version, edited(cta, due=date(2026, 7, 8), move_tasks=True))
    assert dues(moved) == [date(2026, 7, 8), date(2026, 6, 30), date(2026, 7, 6), date(2026, 7, 9)]
    assert dues(work.changes.undo_move(work.actor, cta.id)) == before
    with pytest.raises(Invalid):
        work.changes.undo_move(work.actor, cta.id)


def test_tasks_stay_unless_asked_and_an_undo_does_not_overwrite_what_came_after(work: Work) -> None:
    cta = with_tasks(work)
    moved = work.changes.edit(work.actor, cta.id, cta.version, edited(cta, due=date(2026, 7, 20)))
    assert dues(moved)[1:] == dues(cta)[1:]
    work.changes.start(work.actor, seen(moved))
    with pytest.raises(Invalid):
        work.changes.undo_move(work.actor, cta.id)
    assert work.inbox.get(work.actor, cta.id).due == date(2026, 7, 20)


def test_a_move_can_be_taken_back_after_waking(work: Work) -> None:
    cta = with_tasks(work)
    work.changes.snooze(work.actor, seen(cta), date(2026, 7, 3), "On holiday")
    asleep = work.inbox.get(work.actor, cta.id)
    moved = work.changes.edit(work.actor, cta.id, asleep.version, edited(asleep, due=date(2026, 7, 8), move_tasks=True))
    work.clock.advance(days=4)
    work.changes.start(work.actor, seen(made(work)))
    assert work.actions()[-2:] == ["cta.woken", "cta.started"]
    assert dues(work.changes.undo_move(work.actor, cta.id)) == dues(cta) != dues(moved)


def test_a_task_is_ticked_off_and_opened_again(work: Work) -> None:
    cta = with_tasks(work)
    for done, status in ((True, TaskStatus.DONE), (False, TaskStatus.NOT_STARTED)):
        assert work.changes.set_task(work.actor, cta.id, cta.tasks[1].id, done=done).tasks[1].status is status
    with pytest.raises(NotFound):
        work.changes.set_task(work.actor, made(work).id, cta.tasks[1].id, done=True)


def test_who_only_reads_changes_nothing(work: Work) -> None:
    cta = made(work)
    viewer = Actor(tenant_id=work.actor.tenant_id, role=Role.VIEWER, user_id=work.actor.user_id)
    edit = edited(cta, priority=CtaPriority.LOW)
    for act in (
        lambda: work.changes.start(viewer, seen(cta)),
        lambda: work.changes.edit(viewer, cta.id, cta.version, edit),
        lambda: work.changes.undo_move(viewer, cta.id),
        lambda: work.changes.set_task(viewer, cta.id, 1, done=True),
    ):
        with pytest.raises(Forbidden):
            act()
