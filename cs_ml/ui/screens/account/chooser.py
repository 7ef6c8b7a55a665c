"""Which account, and as of which day: both live in the address, so that a copied link shows the same."""

from datetime import UTC, date, datetime, time, timedelta

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import NotFound
from cs_ml.ui.components import empty_state, error_state, plain
from cs_ml.ui.formatting import day
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key

ACCOUNT_PARAM = "account"
_LONGEST = 200  # no id or reference is longer


def chosen_account(actor: Actor) -> int | None:
    """The account that the address names; None, after words about it, where it names none that the actor may see."""
    named = st.query_params.get(ACCOUNT_PARAM, "")[:_LONGEST]
    if named:
        try:
            return services().context.resolve(actor, named)
        except NotFound as error:
            st.title("Account", anchor=False)
            error_state(error, still_works="Or search for it here.")
            _find()
            return None
    st.title("Account", anchor=False)
    empty_state("No account is chosen", "Type a name or a reference, and choose from what is found.")
    _find()
    return None


def draw_tools() -> tuple[DeltaGenerator, datetime | None]:
    """A place for the title; finding another account beside it, and the day to look from: the end of that day (UTC),
    None for the present."""
    with st.container(horizontal=True, vertical_alignment="center"):
        title = st.container(width="stretch")
        with st.container(horizontal=True, width="content"):
            with st.container(width="content"):
                _draw_search()
            with st.popover("Look back"):
                return title, _ask_day()


def draw_banner(as_of: datetime) -> None:
    """Says that this is the past, and leads back."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(
            f"You are looking at the past: everything below is as it was known at the end of {day(as_of, UTC)} (UTC), "
            "and the risk is what would have been predicted then. Nothing of it is stored."
        )
        st.button("Back to today", on_click=_back)


@st.fragment
def _draw_search() -> None:
    """Behind a button, and nothing is searched before it is pressed."""
    search = st.popover("Find account", key=Key.SEARCHING, on_change="rerun")
    if search.open:
        with search:
            _ask_name()


@st.fragment
def _find() -> None:
    _ask_name()


def _ask_name() -> None:
    """Searches while one types; only accounts of the actor's scope, and never all of them."""
    actor = require_actor()
    words = st.text_input(
        "Name or reference", key=Key.FIND_ACCOUNT, live=True, max_chars=_LONGEST, placeholder="Type to search"
    )
    hits = services().accounts.search(actor, words or "")
    if not hits:
        st.caption("No account that you may see is called so.")
    with st.container(gap=None):
        for hit in hits:
            if st.button(plain(hit.name), key=f"{Key.FIND_ACCOUNT}_{hit.id}", type="tertiary"):
                st.query_params[ACCOUNT_PARAM] = hit.reference or str(hit.id)
                st.rerun()


def _ask_day() -> datetime | None:
    today = services().clock().astimezone(UTC).date()
    chosen = st.date_input(
        "See everything as known at the end of",
        value=None,
        max_value=today - timedelta(days=1),
        key=Key.AS_OF,
        bind="query-params",
        help="Nothing dated later is used. The day ends at midnight UTC.",
    )
    return datetime.combine(chosen, time(23, 59, 59, 999000), UTC) if isinstance(chosen, date) else None


def _back() -> None:
    st.session_state[Key.AS_OF] = None
