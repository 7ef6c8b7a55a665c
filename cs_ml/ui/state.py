"""Every key of the session state that is ours. Values are ids, texts and enum values only."""

from enum import StrEnum

import streamlit as st

from cs_ml.domain.identity.sessions import SignedIn


class Key(StrEnum):
    ACCOUNTS_OF = "accounts"
    ADD_PERSON = "add_person"
    ASKED = "asked"
    AS_OF = "as_of"
    BANDS = "risk"
    CHECK = "check"
    CHECKED = "checked"
    COMPARE = "compare"
    CURSORS = "cursors"
    DAYS = "days"
    DIMENSIONS = "health"
    DOWNLOAD = "download"
    END_SESSIONS = "end_sessions"
    FAULTS = "faults"
    FILES = "files"
    FIND_ACCOUNT = "find_account"
    FLAGS = "look"
    HISTORY = "history"
    IMPORT = "import"
    IMPORTED = "imported"
    LOG = "log"
    LOG_BEFORE = "log_before"
    LOG_DOWNLOAD = "log_download"
    LOG_NEWEST = "log_newest"
    LOG_OLDER = "log_older"
    LOG_SINCE = "log_since"
    LOG_SUBJECT = "log_subject"
    LOG_UNTIL = "log_until"
    LOG_USER = "log_user"
    NEXT = "next"
    OWNER = "owner"
    PART = "part"
    PEOPLE = "people"
    PERSON = "person"
    PREVIOUS = "previous"
    PURGE = "purge"
    QUEUE = "queue"
    REFRESH = "refresh"
    REMOVE_PERSON = "remove_person"
    RENEWAL = "renewal"
    RESET = "reset"
    SEARCH = "search"
    SEGMENTS = "segment"
    SENT = "sent"
    SETTING = "setting"
    SETTINGS = "settings"
    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    SORT = "order"
    SURE = "sure"
    TEMPLATE = "template"
    TENANT = "tenant"
    TEST_CALL = "test_call"
    TILE = "tile"
    VIEW = "view"
    WORK = "ctas"


def bind(found: SignedIn | None) -> None:
    """Empties the state where it is another user's or tenant's: a browser may name the state that it wants back."""
    owner = f"{found.person.id}:{found.place.tenant.id}" if found else ""
    if st.session_state.get(Key.OWNER, owner) != owner:
        st.session_state.clear()
    st.session_state[Key.OWNER] = owner
