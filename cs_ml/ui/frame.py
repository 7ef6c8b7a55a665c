"""The strip on top of every page."""

import streamlit as st

from cs_ml.domain.identity.sessions import SignedIn
from cs_ml.domain.llm.usage import Fault
from cs_ml.ui.cache import data_as_of
from cs_ml.ui.components import reader_zone
from cs_ml.ui.entry.changing import draw_person
from cs_ml.ui.entry.handover import clear
from cs_ml.ui.entry.provider import LEAVE_PATH, has_provider, is_known_there
from cs_ml.ui.formatting import fault_words, instant, next_try
from cs_ml.ui.runtime import services, session_token, sessions
from cs_ml.ui.state import Key


def draw_frame(found: SignedIn) -> None:
    """Tenant (and picker), age of the data, state of the engines, who is here, and the way out."""
    with st.container(horizontal=True, vertical_alignment="center"):
        _draw_tenant(found)
        engines, more = _engines()
        demo = ":violet-badge[Demo: made-up customers] " if found.place.tenant.demo else ""
        st.markdown(f"{demo}:small[:gray[{_data(found)}]] {engines}", help=more, width="stretch")
        draw_person(found.person.name)
        if st.button("Sign out", key=Key.SIGN_OUT):
            sign_out()


def _draw_tenant(found: SignedIn) -> None:
    tenants = {m.tenant.id: m.tenant.name for m in found.memberships}
    if len(tenants) == 1:
        st.text(found.place.tenant.name)
        return
    chosen = st.selectbox(
        "Tenant",
        list(tenants),
        index=list(tenants).index(found.place.tenant.id),
        format_func=lambda tenant_id: tenants[tenant_id],
        label_visibility="collapsed",
        key=Key.TENANT,
        width=240,
    )
    token = session_token()
    if token and chosen != found.place.tenant.id:
        sessions().choose_tenant(token, chosen)
        st.rerun()


def _data(found: SignedIn) -> str:
    newest = data_as_of(found.place.tenant.id)
    return f"Data up to {instant(newest, reader_zone())}" if newest else "No data yet"


def _engines() -> tuple[str, str | None]:
    """Whether the language model is asked now, and what more there is to say; the first sentence of a fault is for
    everybody."""
    model = services().llm
    if model is None:
        return ":gray-badge[Rules only: no key]", None
    state = model.breaker_state()
    if state.kind == "closed":
        return ":gray-badge[LLM on]", None
    reason = fault_words(state.fault or Fault.BREAKER_OPEN).partition(". ")[0].rstrip(".")
    return f":orange-badge[LLM paused: {reason}]", f"{next_try(state)} Until then the scorecard answers."


def sign_out() -> None:
    """Ends the session of this browser, and the run."""
    token = session_token()
    if token:
        sessions().end(token)
    clear(LEAVE_PATH if has_provider() and is_known_there() else "")
    st.stop()
