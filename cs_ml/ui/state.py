"""Every key of the session state that is ours. Values are ids, texts and enum values only."""

from enum import StrEnum

import streamlit as st

from cs_ml.domain.identity.sessions import SignedIn


class Key(StrEnum):
    ACCEPT = "accept"
    ACCOUNTS_OF = "accounts"
    ADD_EVIDENCE = "add_evidence"
    ASKED = "asked"
    ASSIGN = "assign"
    AS_OF = "as_of"
    BANDS = "risk"
    CANCEL = "cancel"
    COMPARE = "compare"
    COMPLETE = "complete"
    CTA = "cta_row"
    CTA_CSV = "ctas_csv"
    CTA_ICS = "ctas_ics"
    CURSORS = "cursors"
    DAYS = "days"
    DIMENSIONS = "health"
    DISMISS = "dismiss"
    DOWNLOAD = "download"
    EDIT = "edit"
    EFFECT = "effect"
    FIND = "find"
    FIND_ACCOUNT = "find_account"
    FLAGS = "look"
    GENERATE = "generate"
    NEXT = "next"
    NOTICE = "notice"
    OVERRIDE = "override"
    OWNER = "owner"
    PAGE = "page"
    PICK = "pick"
    PLAYBOOK = "playbook"
    PREVIEW = "preview"
    PREVIOUS = "previous"
    PROPOSAL = "proposal"
    QUEUE = "queue"
    REFRESH = "refresh"
    RENEWAL = "renewal"
    RESET = "reset"
    ROW = "row"
    SEARCH = "search"
    SECTION = "section"
    SEGMENTS = "segment"
    SENT = "sent"
    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    SNOOZE = "snooze"
    SORT = "order"
    START = "start"
    TASK = "task"
    TENANT = "tenant"
    TEST_CALL = "test_call"
    TILE = "tile"
    UNDO = "undo"
    VIEW = "view"
    WHOSE = "whose"
    WORK = "ctas"


def bind(found: SignedIn | None) -> None:
    """Empties the state where it is another user's or tenant's: a browser may name the state that it wants back."""
    owner = f"{found.person.id}:{found.place.tenant.id}" if found else ""
    if st.session_state.get(Key.OWNER, owner) != owner:
        st.session_state.clear()
    st.session_state[Key.OWNER] = owner
