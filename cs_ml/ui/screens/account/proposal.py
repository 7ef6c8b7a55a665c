"""The CTA that the prediction suggests: what it would be, what holds it back, and what to make of it."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.decisions import SkipReason
from cs_ml.domain.ctas.values import MAX_TITLE, CtaDraft, CtaPriority, CtaProposal, Dismissal
from cs_ml.domain.errors import CsMlError, NotFound
from cs_ml.services.work.accepting import ProposalView
from cs_ml.ui.components import error_state, facts, plain, reader_zone, text
from cs_ml.ui.formatting import ago, day, instant, words
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key

CTAS = Path(__file__).parents[4] / "pages" / "ctas.py"
CTA_PARAM = "cta"
_NO_PLAYBOOK = 0


@st.fragment
def draw_proposal(account_id: int) -> None:
    """Alone in a fragment: what is pressed here draws nothing else anew."""
    actor = require_actor(Permission.READ)
    try:
        view = services().suggestions.proposal(actor, account_id)
    except NotFound:
        return
    with st.container(border=True, key=Key.PROPOSAL):
        st.header("Suggested CTA", anchor=False)
        if view.cta is not None:
            st.success(f"Taken up {ago(view.cta.created_at, services().clock())}.")
            _draw_link(view.cta.id, view.cta.title)
        elif view.suggestion.proposal is None:
            st.caption("Nothing is suggested: the prediction names no reason to act on.")
        else:
            _draw_suggestion(actor, view, view.suggestion.proposal)


def _draw_suggestion(actor: Actor, view: ProposalView, proposal: CtaProposal) -> None:
    owner = next((person.name for person in view.members if person.id == proposal.owner_id), "whoever accepts it")
    st.markdown(f"**{plain(proposal.title)}**")
    text(proposal.reason)
    facts(
        {
            "Due": day(view.due, reader_zone()),
            "Priority": words(proposal.priority).capitalize(),
            "Owner": owner,
            "Playbook": proposal.playbook_name or "none",
        },
        {"Due": proposal.due_rule, "Owner": "The account's owner; where it has none, whoever accepts."},
    )
    if proposal.playbook_because:
        st.caption(plain(proposal.playbook_because))
    _draw_dismissal(view)
    if not actor.may(Permission.WORK):
        _draw_held_back(view)
        st.caption("Your role shows suggestions; a colleague can take them up.")
        return
    note = _draw_held_back(view, ask=True)
    with st.container(horizontal=True):
        label = "Accept" if view.decision.allowed else "Accept all the same"
        if st.button(label, key=Key.ACCEPT, type="primary", shortcut="A"):
            _do(lambda: services().suggestions.accept(actor, view.suggestion.account_id, note=note))
        edit = st.popover("Edit and accept", key=Key.EDITING, on_change="rerun")
        if edit.open:
            with edit:
                _draw_edit(actor, view, proposal, note)
        if view.suggestion.dismissed is None:
            dismiss = st.popover("Dismiss", key=Key.DISMISSING, on_change="rerun")
            if dismiss.open:
                with dismiss:
                    _draw_dismiss(actor, view)


def _draw_dismissal(view: ProposalView) -> None:
    dismissed = view.suggestion.dismissed
    if dismissed is None:
        return
    said = f" {plain(dismissed.note)}" if dismissed.note else ""
    st.info(f"Dismissed on {instant(dismissed.at, reader_zone())}: {dismissed.reason}.{said}")


def _draw_held_back(view: ProposalView, *, ask: bool = False) -> str:
    """Which rules speak against it, until when, and which CTA blocks; answers the note of who goes on."""
    decision = view.decision
    if decision.allowed:
        return ""
    lines = []
    for held in decision.held_back:
        until = f" Until {instant(held.until, reader_zone())}." if held.until else ""
        lines.append(f"- {plain(held.words)}{until}")
    st.warning("It would not be made automatically:\n" + "\n".join(lines))
    for held in decision.held_back:
        if held.cta_id is not None:
            similar = held.reason is SkipReason.SIMILAR_OPEN and view.similar
            _draw_link(held.cta_id, view.similar.title if similar and view.similar else "The CTA made automatically")
    if not ask:
        return ""
    if view.similar is not None and st.button("Add the new evidence to the open CTA", key=Key.ADD_EVIDENCE):
        actor = require_actor(Permission.WORK)
        _do(lambda: services().suggestions.add_evidence(actor, view.suggestion.account_id))
    return st.text_input("Why go on all the same?", key=Key.OVERRIDE, max_chars=500) or ""


def _draw_edit(actor: Actor, view: ProposalView, proposal: CtaProposal, note: str) -> None:
    people = {person.id: person.name for person in view.members}
    playbooks = {_NO_PLAYBOOK: "none", **{playbook.id: playbook.name for playbook in view.playbooks}}
    with st.form(Key.EDIT, border=False):
        title = st.text_input("Title", proposal.title, max_chars=MAX_TITLE)
        reason = st.text_area("Reason", proposal.reason)
        due = st.date_input("Due", view.due)
        priorities: list[CtaPriority] = list(CtaPriority)
        priority = st.selectbox(
            "Priority",
            priorities,
            index=priorities.index(proposal.priority),
            format_func=lambda one: words(one).capitalize(),
        )
        first = proposal.owner_id if proposal.owner_id in people else actor.user_id
        owner = st.selectbox(
            "Owner",
            list(people),
            index=list(people).index(first) if first in people else 0,
            format_func=lambda person_id: people[person_id],
        )
        playbook = st.selectbox(
            "Playbook",
            list(playbooks),
            index=list(playbooks).index(proposal.playbook_id or 0) if (proposal.playbook_id or 0) in playbooks else 0,
            format_func=lambda playbook_id: playbooks[playbook_id],
        )
        pressed = st.form_submit_button("Accept edited", type="primary")
    if not pressed or view.due is None:
        return
    draft = CtaDraft(
        title=title,
        reason=reason,
        priority=priority,
        due=due or view.due,
        owner_id=owner,
        playbook_id=playbook or None,
    )
    _do(lambda: services().suggestions.accept(actor, view.suggestion.account_id, draft=draft, note=note))


def _draw_dismiss(actor: Actor, view: ProposalView) -> None:
    with st.form(Key.DISMISS, border=False):
        reasons: list[Dismissal] = list(Dismissal)
        reason = st.radio("Why?", reasons, format_func=lambda one: one.value.capitalize())
        note = st.text_input("A few words more", max_chars=500)
        pressed = st.form_submit_button("Dismiss it")
    if pressed and reason is not None:
        account_id = view.suggestion.account_id
        _do(lambda: services().suggestions.dismiss(actor, account_id, reason, note=note or ""))


def _do(action: Callable[[], object]) -> None:
    """Carries it out and draws the page anew; a refusal is said in its place."""
    try:
        action()
    except CsMlError as error:
        error_state(error)
        return
    st.rerun()


def _draw_link(cta_id: int, title: str) -> None:
    st.caption(plain(title))  # a link shows one line, and cuts off what is longer
    st.page_link(CTAS, label="Open in CTAs", icon=":material/arrow_forward:", query_params={CTA_PARAM: str(cta_id)})
