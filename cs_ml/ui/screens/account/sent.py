"""For administrators: what a language model is sent about the account, and whether it answers at all."""

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.usage import Fault
from cs_ml.ui.components import error_state, plain
from cs_ml.ui.formatting import fault_words, next_try, seconds, small_cost
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key

_ROLES = {"system": "Told to the model for every account", "user": "About this account", "assistant": "Its answer"}


@st.fragment
def draw_sent(account_id: int) -> None:
    """Both parts on demand: neither is worth the time of every page view."""
    actor = require_actor(Permission.MANAGE_TENANT)
    with st.container(horizontal=True, vertical_alignment="center"):
        shown = st.toggle("Show the text", key=Key.SENT, help="As it would be sent now. Showing it sends nothing.")
        tried = st.button(
            "Make a test call", key=Key.TEST_CALL, help="Sends one short sentence, and nothing of any customer."
        )
    if tried:
        _draw_trial(actor)
    if shown:
        _draw_text(actor, account_id)


def _draw_trial(actor: Actor) -> None:
    try:
        with st.spinner("Waiting for the model …"):
            done = services().trial.call(actor)
    except EngineUnavailable as error:
        _draw_failure(error)
        return
    took = seconds(done.latency_ms or 0)
    st.success(f"The model works: {plain(done.model)} answered in {took}. Cost: {small_cost(done.cost)}.")


def _draw_failure(error: EngineUnavailable) -> None:
    """Where the model is left alone for now: what led to that, and until when."""
    model = services().llm
    state = model.breaker_state() if model else None
    if state and state.fault and error.reason in {state.fault, Fault.BREAKER_OPEN}:
        st.error(f"{fault_words(state.fault)} {next_try(state)}")
    else:
        error_state(error)


def _draw_text(actor: Actor, account_id: int) -> None:
    preview = services().prompts.preview(actor, account_id)
    hidden = ", ".join(f"{kind} ({number})" for kind, number in preview.hidden.items()) or "nothing"
    notes = "Notes and subjects are sent" if preview.free_text else "Notes and subjects are not sent"
    st.caption(f"Prompt version {preview.prompt_version}. {notes}. Hidden behind placeholders: {hidden}.")
    for message in preview.messages:
        st.caption(_ROLES[message.role])
        st.code(message.content, language=None, wrap_lines=True)
