"""Where everybody starts: the only page for whom is not signed in."""

import streamlit as st

from cs_ml.ui.entry.authenticator import Authenticator
from cs_ml.ui.entry.handover import claim
from cs_ml.ui.runtime import sessions


def render() -> None:
    st.title("CS ML")
    form = Authenticator(sessions().sign_in)
    ticket = form.ask()
    if ticket:
        st.info("Signing you in …")
        claim(ticket)
    elif form.refused:
        st.error(
            "This did not work. Check address and password; after five failures in a quarter of an hour an account "
            "stays closed for the rest of it."
        )


render()
