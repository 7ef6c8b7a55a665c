"""Where everybody starts: the only page for whom is not signed in, or must choose a password first."""

from functools import partial

import streamlit as st

from cs_ml.ui.entry.authenticator import Authenticator
from cs_ml.ui.entry.choosing import draw_choosing
from cs_ml.ui.entry.handover import claim
from cs_ml.ui.entry.provider import has_provider, vouched
from cs_ml.ui.runtime import client_address, session_token, sessions
from cs_ml.ui.state import Key

_WIDTH = 704  # pixels: as much as a form can use
_REFUSED = (
    "This did not work. Check address and password; after five failures in a quarter of an hour an account "
    "stays closed for the rest of it."
)


def render() -> None:
    with st.container(horizontal_alignment="center"), st.container(width=_WIDTH):
        _draw()


def _draw() -> None:
    st.title("CS ML")
    token = session_token()
    if token and sessions().must_choose(token):
        draw_choosing(token)
        return
    form = Authenticator(partial(sessions().sign_in, client=client_address()))
    ticket = form.ask()
    refused = form.refused
    if has_provider():
        if st.button("Use your company account", key=Key.PROVIDER, width="stretch"):
            st.login()
            st.stop()
        known = vouched()
        if not ticket and not refused and known and sessions().is_fresh(known):
            ticket = sessions().admit(known, client=client_address())
            refused = ticket is None
    if ticket:
        st.info("Signing you in …")
        claim(ticket)
    elif refused:
        st.error(_REFUSED)


render()
