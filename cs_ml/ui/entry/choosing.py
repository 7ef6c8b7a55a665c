"""The form of somebody who has signed in by an issued password: it opens nothing but this."""

import streamlit as st

from cs_ml.domain.errors import CsMlError
from cs_ml.ui.components import error_state
from cs_ml.ui.entry.changing import NOT_THE_SAME, RULES, ask_twice
from cs_ml.ui.entry.handover import claim
from cs_ml.ui.frame import sign_out
from cs_ml.ui.runtime import sessions
from cs_ml.ui.state import Key


def draw_choosing(token: str) -> None:
    """`token`: of a session that must choose."""
    st.subheader("Choose your password", anchor=False)
    st.markdown(f"The password that you were given is good for this step only. {RULES}")
    with st.form(Key.CHOOSE):
        first, again = ask_twice()
        sent = st.form_submit_button("Save and go on")
    if sent and first != again:
        st.error(NOT_THE_SAME)
    elif sent:
        _save(token, first)
    if st.button("Sign out", key=Key.SIGN_OUT):
        sign_out()


def _save(token: str, password: str) -> None:
    try:
        ticket = sessions().choose_password(token, password)
    except CsMlError as error:
        error_state(error)
        return
    if ticket is None:
        st.rerun()
    st.info("Your password is saved. Signing you in …")
    claim(ticket)
