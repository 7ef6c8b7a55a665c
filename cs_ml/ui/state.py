"""Every key of the session state that is ours. Values are ids, texts and enum values only."""

from enum import StrEnum

import streamlit as st

from cs_ml.domain.sessions import SignedIn


class Key(StrEnum):
    AS_OF = "as_of"
    DAYS = "days"
    DIMENSIONS = "health"
    FIND_ACCOUNT = "find_account"
    OWNER = "owner"
    REFRESH = "refresh"
    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    TENANT = "tenant"


def bind(found: SignedIn | None) -> None:
    """Empties the state where it is another user's or tenant's: a browser may name the state that it wants back."""
    owner = f"{found.person.id}:{found.place.tenant.id}" if found else ""
    if st.session_state.get(Key.OWNER, owner) != owner:
        st.session_state.clear()
    st.session_state[Key.OWNER] = owner
