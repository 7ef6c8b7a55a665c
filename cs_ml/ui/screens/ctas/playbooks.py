"""Playbooks: what they are for, their tasks, how they are written down, and what is known of their effect."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.playbooks import Effect, Playbook, PlaybookDraft, PlaybookEffect, PlaybookStatus, PlaybookStep
from cs_ml.domain.ctas.values import MAX_TITLE, CtaType
from cs_ml.domain.errors import CsMlError
from cs_ml.ui.components import empty_state, error_state, plain, table, text
from cs_ml.ui.formatting import count, points, words
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key

_ANY = "every type"
_TITLE, _WHAT, _DAYS, _OWNER = "Task", "What to do", "Days after the start", "For the owner"


def draw_playbooks(actor: Actor, playbooks: Sequence[Playbook]) -> None:
    if not playbooks:
        empty_state("No playbook yet", "Write down the steps that work; suggestions then come with tasks.")
    for playbook in playbooks:
        used = f"used {count(playbook.times_used, 'time')}" if playbook.times_used else "not used yet"
        head = f"{plain(playbook.name)} · {words(playbook.status)} · {count(len(playbook.steps), 'task')} · {used}"
        with st.expander(head, key=f"{Key.PLAYBOOK}_{playbook.id}"):
            text(playbook.description or "")
            st.caption(f"Answers: {plain(playbook.category or 'nothing in particular')}")
            table(_rows(playbook.steps), alt=f"The tasks of {playbook.name}", wide=(_TITLE, _WHAT))
            if actor.may(Permission.WORK) and st.toggle("Edit", key=f"{Key.EDIT}_{playbook.id}"):
                _draw_form(playbook)
    if actor.may(Permission.WORK):
        with st.expander("Write a playbook"):
            _draw_form(None)


@st.fragment
def draw_effects(playbooks: Sequence[Playbook]) -> None:
    """On demand: it takes up to a second."""
    actor = require_actor(Permission.READ)
    st.header("Effect so far", anchor=False)
    st.warning(
        "This is no experiment. People choose a playbook for a reason, so accounts with one differ from others in ways "
        "that no figure here shows. Read it as what happened, not as what the playbook did."
    )
    if not st.button("Compute the effect", key=Key.EFFECT):
        st.caption("Compares health 30, 60 and 90 days after a playbook was begun with similar accounts without one.")
        return
    found = services().playbooks.effects(actor)
    if not found:
        empty_state("No playbook was used yet", "Accept a suggestion with a playbook; figures need 30 days from then.")
        return
    names = {playbook.id: playbook.name for playbook in playbooks}
    rows = [_effect_row(names.get(one.playbook_id, "archived"), one, effect) for one in found for effect in one.effects]
    table(rows, alt="Change of health after each playbook, against similar accounts")
    st.caption(
        "Difference: how many points of 100 the health of accounts with the playbook changed more than that of up to "
        "five accounts each at the same predicted risk whose health was within 5 points at the start and that had no "
        "playbook then. In 95 of 100 resamples it lies in the range; under 5 uses there is none."
    )


def _effect_row(name: str, one: PlaybookEffect, effect: Effect) -> dict[str, object]:
    known = effect.low is not None and effect.high is not None
    return {
        "Playbook": name,
        "Used": one.used,
        "Completed": one.completed,
        "After": f"{effect.days} days",
        "Difference": points(effect.difference, digits=1) if effect.difference is not None else "none yet",
        "Range": f"{points(effect.low, digits=1)} to {points(effect.high, digits=1)}"
        if effect.low is not None and effect.high is not None and known
        else "too few",
        "n": effect.n,
        "Not comparable": effect.unmatched,
    }


def _draw_form(playbook: Playbook | None) -> None:
    own = f"{Key.PLAYBOOK}_form_{playbook.id if playbook else 'new'}"
    types: list[str] = [_ANY, *CtaType]
    with st.form(own, border=False):
        name = st.text_input("Name", playbook.name if playbook else "", max_chars=MAX_TITLE)
        category = st.text_input(
            "Answers",
            playbook.category or "" if playbook else "",
            help="Words for the risks it answers, with commas: contact, adoption, support, renewal, health ...",
        )
        description = st.text_area("What it is for", playbook.description or "" if playbook else "")
        states: list[PlaybookStatus] = list(PlaybookStatus)
        status = st.selectbox(
            "State",
            states,
            index=states.index(playbook.status) if playbook else 1,
            format_func=words,
            help="Only active ones are suggested; archived ones disappear from this page.",
        )
        kind = st.selectbox(
            "For CTAs of",
            types,
            index=types.index(playbook.cta_type) if playbook and playbook.cta_type else 1 if not playbook else 0,
            format_func=words,
        )
        empty = [{_TITLE: "", _WHAT: "", _DAYS: 0, _OWNER: True}]
        edited: Any = st.data_editor(
            _rows(playbook.steps) if playbook else empty, num_rows="dynamic", hide_index=True, key=f"{own}_steps"
        )
        pressed = st.form_submit_button("Save", type="primary")
    if pressed:
        _save(
            playbook,
            PlaybookDraft(
                name=name.strip(),
                description=description,
                status=status,
                cta_type=None if kind == _ANY else CtaType(kind),
                category=category,
                steps=_steps(edited),
            ),
        )


def _save(playbook: Playbook | None, draft: PlaybookDraft) -> None:
    actor = require_actor(Permission.WORK)
    try:
        if playbook is None:
            services().playbooks.add(actor, draft)
        else:
            services().playbooks.change(actor, playbook.id, playbook.version, draft)
    except CsMlError as error:
        error_state(error)
        return
    st.session_state[Key.NOTICE] = "success:Saved."
    st.rerun()


def _rows(steps: Sequence[PlaybookStep]) -> list[dict[str, object]]:
    return [
        {_TITLE: step.title, _WHAT: step.description or "", _DAYS: step.days_from_start, _OWNER: step.for_owner}
        for step in steps
    ]


def _steps(edited: Sequence[dict[str, Any]]) -> tuple[PlaybookStep, ...]:
    """Rows without a title are left out."""
    return tuple(
        PlaybookStep(
            title=str(row[_TITLE]).strip(),
            description=str(row.get(_WHAT) or "").strip() or None,
            days_from_start=int(row.get(_DAYS) or 0),
            for_owner=bool(row.get(_OWNER)),
        )
        for row in edited
        if str(row.get(_TITLE) or "").strip()
    )
