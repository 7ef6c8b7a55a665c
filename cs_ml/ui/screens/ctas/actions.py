"""What people do with CTAs. Everything is carried out in callbacks, which get the versions that were on the screen:
what somebody else changed meanwhile is not overwritten, and said."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.values import MAX_TITLE, Cta, CtaPriority, Outcome, TaskStatus
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.identity.people import Person
from cs_ml.services.work.changes import Changed, CtaEdit
from cs_ml.ui.components import plain
from cs_ml.ui.formatting import count, words
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key

Versions = tuple[tuple[int, str], ...]  # CTA id, and its version as ISO text
_MOVE, _KEEP = "Move along", "Keep their days"


def versions_of(ctas: Sequence[Cta]) -> Versions:
    return tuple((cta.id, cta.version.isoformat()) for cta in ctas)


def draw_notice() -> None:
    """What the last action came to, once."""
    if said := st.session_state.pop(Key.NOTICE, None):
        kind, _, words_said = str(said).partition(":")
        (st.warning if kind == "warning" else st.success)(words_said)
    if moved := st.session_state.pop(Key.UNDO, None):
        st.button("Undo the move", key=f"{Key.UNDO}_{moved}", on_click=_undo, args=(int(moved),))


def draw_actions(cta: Cta, members: Sequence[Person], today: date) -> None:
    """For one open CTA."""
    versions = versions_of([cta])
    with st.container(horizontal=True):
        st.button(
            "Start",
            key=f"{Key.START}_{cta.id}",
            shortcut="S",
            disabled=cta.status == "IN_PROGRESS",
            on_click=_start,
            args=(versions,),
        )
        draw_shared(f"{cta.id}", versions, members, today)
        with st.popover("Edit"):
            _draw_edit(cta)


def draw_shared(name: str, versions: Versions, members: Sequence[Person], today: date) -> None:
    """What can be done with one CTA or with many; `name` tells the widgets apart."""
    with _form("Complete", f"{Key.COMPLETE}_{name}", _complete, versions) as own:
        _ask_outcome(own)
    with _form("Snooze", f"{Key.SNOOZE}_{name}", _snooze, versions) as own:
        _ask_snooze(own, today)
    with _form("Assign", f"{Key.ASSIGN}_{name}", _assign, versions) as own:
        _ask_owner(own, members)
    with _form("Cancel", f"{Key.CANCEL}_{name}", _cancel, versions) as own:
        _ask_reason(own)


def set_task(cta_id: int, task_id: int, key: str) -> None:
    """A callback: ticks a task off, or opens it again."""
    actor = require_actor(Permission.WORK)
    try:
        services().cta_changes.set_task(actor, cta_id, task_id, done=bool(st.session_state.get(key)))
    except CsMlError as error:
        _say("warning", plain(error.message))


@contextmanager
def _form(label: str, own: str, action: Callable[..., None], versions: Versions) -> Iterator[str]:
    """A form behind a button; `own` begins the keys of its fields."""
    with st.popover(label), st.form(own, border=False):
        yield own
        st.form_submit_button(label, type="primary", on_click=action, args=(versions, own))


def _ask_outcome(key: str) -> None:
    st.radio("What became of it?", list(Outcome), key=f"{key}_outcome", format_func=lambda one: one.value.capitalize())
    st.text_area("Note", key=f"{key}_note")


def _ask_snooze(key: str, today: date) -> None:
    first = today + timedelta(days=1)
    st.date_input("Until", today + timedelta(days=7), min_value=first, key=f"{key}_until")
    st.text_input("Why?", key=f"{key}_reason", max_chars=500)


def _ask_owner(key: str, members: Sequence[Person]) -> None:
    names = {person.id: person.name for person in members}
    st.selectbox("Owner", list(names), key=f"{key}_owner", format_func=lambda one: names.get(one, ""))


def _ask_reason(key: str) -> None:
    st.text_input("Why is it not needed any more?", key=f"{key}_reason", max_chars=500)


def _draw_edit(cta: Cta) -> None:
    own = f"{Key.EDIT}_{cta.id}"
    movable = [task for task in cta.tasks if task.due is not None and task.status is not TaskStatus.DONE]
    with st.form(own, border=False):
        st.text_input("Title", cta.title, max_chars=MAX_TITLE, key=f"{own}_title")
        st.selectbox(
            "Priority",
            list(CtaPriority),
            index=list(CtaPriority).index(cta.priority),
            format_func=lambda one: words(one).capitalize(),
            key=f"{own}_priority",
        )
        st.date_input("Due", cta.due, key=f"{own}_due")
        if movable:
            st.radio(
                f"If the due day moves, the {count(len(movable), 'open task')}",
                [_MOVE, _KEEP],
                key=f"{own}_move",
                horizontal=True,
            )
        st.form_submit_button(
            "Save", type="primary", on_click=_edit, args=(cta.id, cta.version.isoformat(), own, bool(movable))
        )


def _start(versions: Versions) -> None:
    _carry_out(versions, "Started", services().cta_changes.start)


def _complete(versions: Versions, own: str) -> None:
    outcome, note = _field(own, "outcome"), _field(own, "note") or ""
    if outcome is None:
        return
    _carry_out(
        versions,
        "Completed",
        lambda actor, chosen: services().cta_changes.complete(actor, chosen, Outcome(outcome), note),
    )


def _snooze(versions: Versions, own: str) -> None:
    until, reason = _field(own, "until"), _field(own, "reason") or ""
    _carry_out(versions, "Snoozed", lambda actor, chosen: services().cta_changes.snooze(actor, chosen, until, reason))


def _assign(versions: Versions, own: str) -> None:
    owner_id = _field(own, "owner")
    _carry_out(versions, "Assigned", lambda actor, chosen: services().cta_changes.assign(actor, chosen, owner_id))


def _cancel(versions: Versions, own: str) -> None:
    reason = _field(own, "reason") or ""
    _carry_out(versions, "Cancelled", lambda actor, chosen: services().cta_changes.cancel(actor, chosen, reason))


def _edit(cta_id: int, version: str, own: str, movable: bool) -> None:
    actor = require_actor(Permission.WORK)
    due = _field(own, "due")
    if not isinstance(due, date):
        _say("warning", "Give a due day.")
        return
    edit = CtaEdit(
        title=_field(own, "title") or "",
        priority=CtaPriority(_field(own, "priority")),
        due=due,
        move_tasks=movable and _field(own, "move") == _MOVE,
    )
    try:
        before = services().inbox.get(actor, cta_id)
        services().cta_changes.edit(actor, cta_id, datetime.fromisoformat(version), edit)
    except CsMlError as error:
        _say("warning", plain(error.message))
        return
    moved = before.due is not None and before.due != due
    _say(
        "success", f"Saved. The due day{' and the open tasks' if edit.move_tasks else ''} moved." if moved else "Saved."
    )
    if moved:
        st.session_state[Key.UNDO] = str(cta_id)


def _undo(cta_id: int) -> None:
    actor = require_actor(Permission.WORK)
    try:
        services().cta_changes.undo_move(actor, cta_id)
    except CsMlError as error:
        _say("warning", plain(error.message))
        return
    _say("success", "The move is taken back.")


def _carry_out(versions: Versions, done: str, action: Callable[[Actor, Mapping[int, datetime]], Changed]) -> None:
    actor = require_actor(Permission.WORK)
    chosen = {cta_id: datetime.fromisoformat(version) for cta_id, version in versions}
    try:
        changed = action(actor, chosen)
    except CsMlError as error:
        _say("warning", plain(error.message))
        return
    for cta_id in changed.done:
        st.session_state.pop(f"{Key.PICK}_{cta_id}", None)
    if changed.lost:
        _say(
            "warning",
            f"{done}: {count(len(changed.done), 'CTA')}. Somebody else changed {count(len(changed.lost), 'CTA')} in "
            "the meantime: look at it again and repeat your change if it is still needed.",
        )
    else:
        _say("success", f"{done}: {count(len(changed.done), 'CTA')}.")


def _field(own: str, name: str) -> Any:
    return st.session_state.get(f"{own}_{name}")


def _say(kind: str, words_said: str) -> None:
    st.session_state[Key.NOTICE] = f"{kind}:{words_said}"
