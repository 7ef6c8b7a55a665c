"""What people do with CTAs. Every change names the version that it was made on: who was too late is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.values import (
    MAX_TEXT,
    MAX_TITLE,
    Cta,
    CtaPriority,
    CtaStatus,
    Outcome,
    TaskStatus,
)
from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.work.making import later
from cs_ml.services.work.rules import settings_in
from cs_ml.services.work.waking import WOKEN, wake
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.scope import Scope
from cs_ml.store.work.ctas import CtaRepository, cta_not_found
from cs_ml.store.work.rows import midnight

Chosen = Mapping[int, datetime]  # CTA id -> the version that the person saw
_EDITED = "cta.edited"


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """`lost`: CTAs that stay as they are, because somebody else changed or closed them in the meantime."""

    done: Sequence[int]
    lost: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class CtaEdit:
    """`move_tasks`: open tasks move along with the due day, to working days."""

    title: str
    priority: CtaPriority
    due: date
    move_tasks: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """A change of many CTAs at once: attributes, and a dated note for the record."""

    action: str
    values: Mapping[str, Any]
    after: Mapping[str, Any]
    note: str = ""


class CtaChangeService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def start(self, actor: Actor, chosen: Chosen) -> Changed:
        status = CtaStatus.IN_PROGRESS.value
        step = _Step(action="cta.started", values={"status": status, "snooze_until": None}, after={"status": status})
        return self._apply(actor, chosen, lambda _scope, _now: step)

    def assign(self, actor: Actor, chosen: Chosen, owner_id: int) -> Changed:
        """Raises Invalid for somebody who is not of this tenant."""

        def step(scope: Scope, _now: datetime) -> _Step:
            if owner_id not in {person.id for person in scope.identity().members(actor.tenant_id)}:
                raise Invalid("The owner must be somebody of this tenant.", fields={"owner": "a member of this tenant"})
            return _Step(action="cta.assigned", values={"owner_id": owner_id}, after={"ownerId": owner_id})

        return self._apply(actor, chosen, step)

    def snooze(self, actor: Actor, chosen: Chosen, until: date, reason: str) -> Changed:
        """Until the beginning of that day at the tenant; then it is open again by itself. Raises Invalid for a day
        that has begun, or without a reason."""
        why = _needed(reason, "reason")

        def step(scope: Scope, now: datetime) -> _Step:
            wakes = WorkCalendar.of(settings_in(scope)).start_of(until)
            if wakes <= now:
                raise Invalid("Snooze until a day to come.", fields={"until": "tomorrow or later"})
            status = CtaStatus.SNOOZED.value
            return _Step(
                action="cta.snoozed",
                values={"status": status, "snooze_until": wakes},
                after={"status": status, "until": until.isoformat()},
                note=f"snoozed until {until.isoformat()}: {why}",
            )

        return self._apply(actor, chosen, step)

    def complete(self, actor: Actor, chosen: Chosen, outcome: Outcome, note: str) -> Changed:
        words = _short(note, "note")

        def step(_scope: Scope, now: datetime) -> _Step:
            values = {"outcome": outcome.value, "resolution_notes": words or None, "completed_at": now}
            status = CtaStatus.COMPLETED.value
            return _Step(
                action="cta.completed",
                values={**values, "status": status, "snooze_until": None},
                after={"status": status, "outcome": outcome.value},
            )

        return self._apply(actor, chosen, step)

    def cancel(self, actor: Actor, chosen: Chosen, reason: str) -> Changed:
        """Raises Invalid without a reason."""
        status = CtaStatus.CANCELLED.value
        step = _Step(
            action="cta.cancelled",
            values={"status": status, "resolution_notes": _needed(reason, "reason"), "snooze_until": None},
            after={"status": status},
        )
        return self._apply(actor, chosen, lambda _scope, _now: step)

    def edit(self, actor: Actor, cta_id: int, version: datetime, edit: CtaEdit) -> Cta:
        """Raises NotFound, Invalid (CONFLICT where somebody else was faster)."""
        actor.require(Permission.WORK)
        title = _needed(edit.title, "title")
        if len(title) > MAX_TITLE:
            raise Invalid("The title is too long.", fields={"title": f"1 to {MAX_TITLE} characters"})
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            cta, ctas = _open(scope, cta_id, version, now), CtaRepository(scope)
            due = _moved(cta, edit.due, WorkCalendar.of(settings_in(scope))) if edit.move_tasks else {}
            newer = later(now, cta.version)
            values = {"title": title, "priority": edit.priority.value, "due_date": midnight(edit.due)}
            ctas.change([cta_id], {**values, "updated_at": newer})
            ctas.move_tasks(cta_id, due, now)
            AuditRepository(scope).add([_edited(cta, edit, due, newer, now)])
            return ctas.get(cta_id, now)

    def undo_move(self, actor: Actor, cta_id: int) -> Cta:
        """Takes back the last edit's move of the due day and of the tasks, as long as nothing was changed since.

        Raises NotFound, Invalid.
        """
        actor.require(Permission.WORK)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            ctas, audit = CtaRepository(scope), AuditRepository(scope)
            cta, last = ctas.get(cta_id, now), audit.newest("CTA", str(cta_id), apart_from=WOKEN)
            before, after = (last.before or {}, last.after or {}) if last and last.action == _EDITED else ({}, {})
            if after.get("version") != cta.version.isoformat() or not before.get("due"):
                raise Invalid("There is nothing to take back, or it was changed since.", code="CONFLICT")
            due, newer = date.fromisoformat(before["due"]), later(now, cta.version)
            ctas.change([cta_id], {"due_date": midnight(due), "updated_at": newer})
            tasks = {int(key): date.fromisoformat(day) for key, day in before["tasks"].items()}
            ctas.move_tasks(cta_id, tasks, now)
            audit.add([_entry(cta_id, "cta.move_undone", now, after={"due": due.isoformat()})])
            return ctas.get(cta_id, now)

    def set_task(self, actor: Actor, cta_id: int, task_id: int, *, done: bool) -> Cta:
        """Ticks a task off, or opens it again; the CTA's version stays. Raises NotFound."""
        actor.require(Permission.WORK)
        now = milliseconds(self._clock())
        status = TaskStatus.DONE if done else TaskStatus.NOT_STARTED
        with self._database.write(actor) as scope:
            ctas = CtaRepository(scope)
            values = {"status": status.value, "completed_at": now if done else None, "updated_at": now}
            if not ctas.change_task(cta_id, task_id, values):
                raise cta_not_found()
            after = {"taskId": task_id, "status": status.value}
            AuditRepository(scope).add([_entry(cta_id, "cta.task_changed", now, after=after)])
            return ctas.get(cta_id, now)

    def _apply(self, actor: Actor, chosen: Chosen, step_of: Callable[[Scope, datetime], _Step]) -> Changed:
        """Set-based: as many statements for many CTAs as for one."""
        actor.require(Permission.WORK)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            ctas = CtaRepository(scope)
            wake(scope, now)
            step = step_of(scope, now)
            current = [cta for cta in ctas.list_open(list(chosen), now) if cta.version == chosen[cta.id]]
            done = [cta.id for cta in current]
            if done:
                values = {**step.values, "updated_at": later(now, *(cta.version for cta in current))}
                ctas.change(done, values)
                if step.note:
                    today = WorkCalendar.of(settings_in(scope)).day_of(now)
                    ctas.append_note(done, f"{today.isoformat()}: {step.note}")
                AuditRepository(scope).add([_changed(cta, step, now) for cta in current])
        return Changed(done=done, lost=[cta_id for cta_id in chosen if cta_id not in done])


def _open(scope: Scope, cta_id: int, version: datetime, now: datetime) -> Cta:
    """The CTA as the person saw it, locked. Raises NotFound, Invalid."""
    scope.lock_tenant()
    ctas = CtaRepository(scope)
    wake(scope, now)
    cta = ctas.get(cta_id, now)
    if cta.version != version or not cta.is_open:
        raise Invalid(
            "Somebody else changed this CTA in the meantime, so nothing was saved. Look at it again and repeat your "
            "change if it is still needed.",
            code="CONFLICT",
        )
    return cta


def _moved(cta: Cta, due: date, calendar: WorkCalendar) -> dict[int, date]:
    """Where the open tasks go when the due day moves."""
    if cta.due is None or cta.due == due:
        return {}
    days = (due - cta.due).days
    return {
        task.id: calendar.due(task.due + timedelta(days=days), 0)
        for task in cta.tasks
        if task.due is not None and task.status is not TaskStatus.DONE
    }


def _edited(cta: Cta, edit: CtaEdit, due: Mapping[int, date], newer: datetime, now: datetime) -> AuditEntry:
    """What `undo_move` needs, too."""
    before = {
        "due": cta.due.isoformat() if cta.due else None,
        "priority": cta.priority.value,
        "tasks": {str(task.id): task.due.isoformat() for task in cta.tasks if task.id in due and task.due},
    }
    after = {"due": edit.due.isoformat(), "priority": edit.priority.value, "version": newer.isoformat()}
    return AuditEntry(at=now, action=_EDITED, entity_type="CTA", entity_id=str(cta.id), before=before, after=after)


def _changed(cta: Cta, step: _Step, now: datetime) -> AuditEntry:
    before = {"status": cta.status.value, "ownerId": cta.owner_id}
    return AuditEntry(
        at=now,
        action=step.action,
        entity_type="CTA",
        entity_id=str(cta.id),
        before={name: before[name] for name in step.after if name in before},
        after=step.after,
    )


def _entry(cta_id: int, action: str, now: datetime, *, after: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(at=now, action=action, entity_type="CTA", entity_id=str(cta_id), after=after)


def _needed(text: str, name: str) -> str:
    words = _short(text, name)
    if not words:
        raise Invalid(f"Give a {name}.", fields={name: "some words"})
    return words


def _short(text: str, name: str) -> str:
    if len(text) > MAX_TEXT:
        expected = f"at most {MAX_TEXT} characters"
        raise Invalid(f"The {name} is too long: give {expected}.", fields={name: expected})
    return text.strip()
