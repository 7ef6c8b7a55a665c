"""The name of who is here, and behind it the form for another password."""

import streamlit as st

from cs_ml.domain.errors import CsMlError
from cs_ml.services.identity.passwords import MAX_LENGTH, MIN_LENGTH
from cs_ml.ui.components import error_state, plain
from cs_ml.ui.entry.handover import claim
from cs_ml.ui.runtime import client_address, session_token, sessions
from cs_ml.ui.state import Key

RULES = (
    f"A password of your own needs {MIN_LENGTH} characters or more; a few words that do not belong together are best. "
    "One made of your name, your company, a common password, repetitions or sequences is refused."
)
NOT_THE_SAME = "The two are not the same. Type the one or the other anew."
_WRONG = (
    "Your present password is another one. After five failures in a quarter of an hour your account stays closed for "
    "the rest of it. If you sign in by your company's account, you need no password here."
)


def draw_person(name: str) -> None:
    if st.button(plain(name), key=Key.WHO, type="tertiary"):
        _open()


def ask_twice() -> tuple[str, str]:
    """A new password, and the same once more."""
    return ask("New password", "new-password"), ask("New password, once more", "new-password")


def ask(label: str, kind: str) -> str:
    """`kind`: what the browser's password store is to offer."""
    return st.text_input(label, type="password", max_chars=MAX_LENGTH, autocomplete=kind)


@st.dialog("Change your password")
def _open() -> None:
    st.markdown(RULES)
    with st.form(Key.CHANGING, border=False):
        present, (first, again) = ask("Present password", "current-password"), ask_twice()
        sent = st.form_submit_button("Save", type="primary")
    st.caption("Every browser in which you are signed in is signed out, but for this one.")
    if sent and first != again:
        st.error(NOT_THE_SAME)
    elif sent:
        _save(present, first)


def _save(present: str, password: str) -> None:
    try:
        ticket = sessions().change_password(session_token() or "", present, password, client=client_address())
    except CsMlError as error:
        error_state(error)
        return
    if ticket is None:
        st.error(_WRONG)
        return
    st.info("Your password is saved. Signing you in …")
    claim(ticket)
