"""The CTAs of a section, one under the other; one of them may be open."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Literal

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.inbox import Section
from cs_ml.domain.ctas.values import Cta, CtaPriority, CtaStatus, Suggestion, TaskStatus
from cs_ml.domain.identity.people import Person
from cs_ml.ui.components import band_badge, empty_state, facts, plain, text
from cs_ml.ui.formatting import ago, count, countdown, day, percent, when, words
from cs_ml.ui.screens.account.chooser import ACCOUNT_PARAM
from cs_ml.ui.screens.account.proposal import CTA_PARAM
from cs_ml.ui.screens.ctas.actions import draw_actions, draw_shared, set_task, versions_of
from cs_ml.ui.screens.portfolio.queue import ACCOUNT_PAGE
from cs_ml.ui.state import Key

_COLORS: Mapping[CtaPriority, Literal["red", "orange", "yellow", "blue"]] = {
    CtaPriority.CRITICAL: "red",
    CtaPriority.HIGH: "orange",
    CtaPriority.MEDIUM: "yellow",
    CtaPriority.LOW: "blue",
}
_SHAPES: Mapping[CtaPriority, str] = {
    CtaPriority.CRITICAL: "\N{BLACK DIAMOND}",
    CtaPriority.HIGH: "\N{BLACK UP-POINTING TRIANGLE}",
    CtaPriority.MEDIUM: "\N{BLACK CIRCLE}",
    CtaPriority.LOW: "\N{WHITE CIRCLE}",
}
_EMPTY: Mapping[Section, tuple[str, str]] = {
    Section.SUGGESTED: (
        "No suggestion waits",
        "Accounts at medium risk or more appear here while nothing is done about them.",
    ),
    Section.OVERDUE: ("Nothing is overdue", "Well done. Look at what is due today."),
    Section.TODAY: ("Nothing is due today", "Look at the next 7 days, or at the suggestions."),
    Section.WEEK: ("Nothing is due in the next 7 days", "Look at the suggestions."),
    Section.LATER: ("Nothing is due later", "CTAs without a due day would be here too."),
    Section.SNOOZED: ("Nothing is snoozed", "Snoozed CTAs wake by themselves on their day."),
    Section.DONE: ("Nothing is done yet", "Completed and cancelled CTAs are kept here."),
}


def draw_empty(section: Section, *, searched: bool) -> None:
    if searched:
        empty_state("Nothing matches", "Change the search, or look at everybody's.")
    else:
        empty_state(*_EMPTY[section])


def draw_ctas(
    actor: Actor, ctas: Sequence[Cta], members: Sequence[Person], *, today: date, now: datetime, zone: tzinfo
) -> None:
    may_work = actor.may(Permission.WORK)
    bulk = st.container()
    opened = opened_cta()
    for cta in ctas:
        with st.container(border=True, gap="xsmall", key=f"{Key.ROW}_{cta.id}"):
            _draw_head(cta, today, now, zone, pick=may_work and cta.is_open)
            if cta.id == opened:
                draw_detail(actor, cta, members, today=today, zone=zone)
    chosen = [cta for cta in ctas if cta.is_open and st.session_state.get(f"{Key.PICK}_{cta.id}")]
    if chosen and may_work:
        with bulk, st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{count(len(chosen), 'CTA')} chosen**", width="content")
            draw_shared("chosen", versions_of(chosen), members, today)


def draw_detail(actor: Actor, cta: Cta, members: Sequence[Person], *, today: date, zone: tzinfo) -> None:
    """Everything about one CTA, and what can be done with it."""
    if cta.reason:
        text(cta.reason)
    names = {person.id: person.name for person in members}
    for task in cta.tasks:
        key = f"{Key.TASK}_{task.id}"
        who = f" · {plain(names[task.owner_id])}" if task.owner_id in names else ""
        st.checkbox(
            f"{plain(task.title)} · {day(task.due, zone)}{who}",
            value=task.status is TaskStatus.DONE,
            key=key,
            disabled=not (cta.is_open and actor.may(Permission.WORK)),
            help=plain(task.description) if task.description else None,
            on_change=set_task,
            args=(cta.id, task.id, key),
        )
    if cta.description:
        st.caption("Notes")
        text(cta.description)
    facts(
        {
            "Type": words(cta.type).capitalize(),
            "Made": f"{day(cta.created_at, zone)}, {_maker(cta)}",
            "Playbook": cta.playbook_name or "none",
            "Due": day(cta.due, zone) if cta.due else "no due day",
        }
    )
    if cta.is_open and actor.may(Permission.WORK):
        draw_actions(cta, members, today)


def draw_suggestions(suggestions: Sequence[Suggestion], now: datetime) -> None:
    """Riskiest first; deciding happens where the reasons are."""
    for one in suggestions:
        with st.container(border=True, gap="xsmall", key=f"{Key.ROW}_{one.prediction_id}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                band_badge(one.band)
                _draw_account(one.account_id, one.account_name)
                st.caption(f"{percent(one.probability)} · predicted {ago(one.predicted_at, now)}", width="content")
            if one.proposal:
                st.markdown(f"**{plain(one.proposal.title)}**")
                text(one.proposal.reason)


def opened_cta() -> int | None:
    named = st.query_params.get(CTA_PARAM, "")
    return int(named) if named.isascii() and named.isdigit() and len(named) < 10 else None


def _draw_head(cta: Cta, today: date, now: datetime, zone: tzinfo, *, pick: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if pick:
            st.checkbox(f"Choose {plain(cta.title)}", key=f"{Key.PICK}_{cta.id}", label_visibility="collapsed")
        st.badge(f"{_SHAPES[cta.priority]} {words(cta.priority).capitalize()}", color=_COLORS[cta.priority])
        st.button(
            f"**{plain(cta.title)}**", key=f"{Key.CTA}_{cta.id}", type="tertiary", on_click=_toggle, args=(cta.id,)
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        if cta.account_id is not None:
            _draw_account(cta.account_id, cta.account_name or "")
        done = sum(task.status is TaskStatus.DONE for task in cta.tasks)
        steps = f" · {done} of {count(len(cta.tasks), 'task')} done" if cta.tasks else ""
        st.caption(f"{_state(cta, today, now, zone)} · {plain(cta.owner_name)}{steps}", width="content")


def _state(cta: Cta, today: date, now: datetime, zone: tzinfo) -> str:
    if not cta.is_open:
        outcome = f": {cta.outcome}" if cta.outcome else ""
        note = f". {plain(cta.note)}" if cta.note else ""
        return f"{words(cta.status).capitalize()} {day(cta.ended_at, zone)}{plain(outcome)}{note}"
    if cta.status is CtaStatus.SNOOZED:
        return f"snoozed, wakes {when(cta.snoozed_until, now, zone)}"
    started = "started · " if cta.status is CtaStatus.IN_PROGRESS else ""
    if cta.due is None:
        return f"{started}no due day"
    days = (cta.due - today).days
    late = f"overdue by {count(-days, 'day')}" if days < 0 else f"due {countdown(days)}"
    return f"{started}{late} · {day(cta.due, zone)}"


def _maker(cta: Cta) -> str:
    if cta.is_automated:
        return "automatically"
    return "from a suggestion" if cta.prediction_id is not None else "by hand"


def _draw_account(account_id: int, name: str) -> None:
    st.page_link(ACCOUNT_PAGE, label=plain(name), query_params={ACCOUNT_PARAM: str(account_id)})


def _toggle(cta_id: int) -> None:
    """A callback: opens a CTA, or closes it."""
    if opened_cta() == cta_id:
        st.query_params.pop(CTA_PARAM, None)
    else:
        st.query_params[CTA_PARAM] = str(cta_id)
