"""Every key of the session state that is ours. Values are ids, texts and enum values only."""

from enum import StrEnum

import streamlit as st

from cs_ml.domain.identity.sessions import SignedIn


class Key(StrEnum):
    ACCOUNTS_OF = "accounts"
    ALARMS = "alarms"
    ASKED = "asked"
    AS_OF = "as_of"
    BANDS = "risk"
    BY = "by"
    CANCEL = "cancel"
    CAPACITY = "capacity"
    CHURNED = "churned"
    COMPARE = "compare"
    CURSORS = "cursors"
    DAYS = "days"
    DIMENSIONS = "health"
    DOWNLOAD = "download"
    ENGINE = "method"
    EVERY = "every"
    FIND_ACCOUNT = "find_account"
    FLAGS = "look"
    MISSES = "misses"
    NEXT = "next"
    OWNER = "owner"
    PREVIOUS = "previous"
    QUEUE = "queue"
    REFRESH = "refresh"
    RENEWAL = "renewal"
    RESET = "reset"
    SEARCH = "search"
    SECTION = "show"
    SEGMENTS = "segment"
    SENT = "sent"
    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    SORT = "order"
    SOURCE = "predictions"
    TENANT = "tenant"
    TEST_CALL = "test_call"
    THRESHOLD = "threshold"
    TILE = "tile"
    TREATED = "worked_on"
    VIEW = "view"
    WINDOW = "days_ahead"
    WORK = "ctas"


def bind(found: SignedIn | None) -> None:
    """Empties the state where it is another user's or tenant's: a browser may name the state that it wants back."""
    owner = f"{found.person.id}:{found.place.tenant.id}" if found else ""
    if st.session_state.get(Key.OWNER, owner) != owner:
        st.session_state.clear()
    st.session_state[Key.OWNER] = owner
