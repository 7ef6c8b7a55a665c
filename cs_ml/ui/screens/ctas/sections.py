"""Which part of the inbox: section, whose, what is searched for. All of it lives in the address."""

from collections.abc import Mapping

import streamlit as st

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.ctas.inbox import PAGE_CTAS, InboxQuery, Section
from cs_ml.ui.formatting import NARROW, count
from cs_ml.ui.screens.account.proposal import CTA_PARAM
from cs_ml.ui.state import Key

SECTION_PARAM = "section"
_MINE, _ALL = "Mine", "Everybody's"
LABELS: Mapping[Section, str] = {
    Section.SUGGESTED: "Suggested",
    Section.OVERDUE: "Overdue",
    Section.TODAY: "Today",
    Section.WEEK: "Next 7 days",
    Section.LATER: "Later",
    Section.SNOOZED: "Snoozed",
    Section.DONE: "Done",
}


def ask_query(actor: Actor) -> InboxQuery:
    """A MEMBER begins with their own, who leads with everybody's."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        whose = st.segmented_control(
            "Whose",
            [_MINE, _ALL],
            default=_MINE if actor.role is Role.MEMBER else _ALL,
            required=True,
            key=Key.WHOSE,
            bind="query-params",
            label_visibility="collapsed",
        )
        search = st.text_input(
            "Search",
            key=Key.FIND,
            bind="query-params",
            max_chars=200,
            placeholder="Title or account",
            label_visibility="collapsed",
            width=260,
        )
    named = st.query_params.get(SECTION_PARAM, "")
    return InboxQuery(
        section=Section(named) if named in set(Section) else Section.TODAY,
        owner_id=actor.user_id if whose == _MINE else None,
        search=(search or "").strip(),
        page=max(1, int(st.session_state.get(Key.PAGE) or 1)),
    )


def draw_sections(counts: Mapping[Section, int], chosen: Section) -> None:
    """One button each, with how many there are; the chosen one is named in the heading below."""
    with st.container(horizontal=True, gap="xsmall"):
        for section, label in LABELS.items():
            st.button(
                f"{label}{NARROW}· {counts[section]:,}",
                key=f"{Key.CTA_SECTION}_{section}",
                type="primary" if section is chosen else "secondary",
                on_click=go_to,
                args=(section.value,),
            )
    st.header(
        f"{LABELS[chosen]}: {count(counts[chosen], 'suggestion' if chosen is Section.SUGGESTED else 'CTA')}",
        anchor=False,
    )


def go_to(section: str) -> None:
    """Another section, nothing open in it."""
    st.query_params[SECTION_PARAM] = section
    st.query_params.pop(CTA_PARAM, None)
    st.session_state[Key.PAGE] = 1


def draw_pages(total: int) -> None:
    """Nothing where one page holds everything."""
    pages = -(-total // PAGE_CTAS)
    if pages > 1:
        st.pagination(pages, key=Key.PAGE)
