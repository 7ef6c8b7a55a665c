"""The banner where a page fails."""

import logging
import secrets

import streamlit as st
import structlog

from cs_ml.domain.errors import CsMlError
from cs_ml.ui.components import error_state
from cs_ml.ui.runtime import services

_log = logging.getLogger(__name__)


def show_failure(error: Exception) -> bool:
    """Draws what a person can use instead of a traceback, which goes to the log. True: nothing else is to be drawn."""
    if isinstance(error, CsMlError):
        error_state(error)
        return True
    reference = structlog.contextvars.get_contextvars().get("request") or secrets.token_hex(4)
    _log.error("page failed, reference %s", reference, exc_info=error)
    st.error(f"{_what_to_do()}, tell your administrator the reference `{reference}`.")
    return True


def _what_to_do() -> str:
    if services().database.is_up():
        return "This page could not be shown. Nothing was changed. Load it again; if it fails again"
    return "The database does not respond. Load this page again in a minute. If it goes on"
