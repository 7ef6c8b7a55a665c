"""The script behind every address: who is here, and which pages there are for them."""

import secrets
from pathlib import Path

import streamlit as st
import structlog

from cs_ml.domain.actor import Permission
from cs_ml.ui.frame import draw_frame
from cs_ml.ui.runtime import one_look, services, settle, signed_in
from cs_ml.ui.state import bind

PAGES = Path(__file__).parents[2] / "pages"
SIGN_IN = PAGES / "sign_in.py"
# File, title, and address; the first is the start page.
ENTRIES = (
    ("portfolio.py", "Portfolio", "portfolio"),
    ("account.py", "Account", "account"),
    ("ctas.py", "CTAs", "ctas"),
    ("playbooks.py", "Playbooks", "playbooks"),
    ("accuracy.py", "Accuracy", "accuracy"),
)
# For those alone who manage the tenant.
MANAGED = (("operations.py", "Operations", "operations"), ("admin.py", "Admin", "admin"))


def run() -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=secrets.token_hex(4))
    found = signed_in()
    bind(found)
    if found is None:
        page = st.navigation([_sign_in(path) for _, _, path in (*ENTRIES, *MANAGED)], position="hidden")
    else:
        managed = MANAGED if found.actor.may(Permission.MANAGE_TENANT) else ()
        page = st.navigation([_entry(*entry) for entry in (*ENTRIES, *managed)], position="top")
    st.set_page_config(page_title=f"{page.title} — CS ML", layout="wide")
    with one_look(found):
        if found is not None:
            draw_frame(found)
        tenant_id = found.actor.tenant_id if found else ""
        with services().telemetry.watch("page", page.url_path or ENTRIES[0][2], tenant_id):
            page.run()
    settle(page.title)


def _entry(file: str, title: str, path: str) -> st.Page:
    return st.Page(PAGES / file, title=title, url_path=path, default=path == ENTRIES[0][2])


def _sign_in(path: str) -> st.Page:
    """At the address of each page, so that a link leads where it points once the user has signed in."""
    return st.Page(SIGN_IN, title="Sign in", url_path=path, default=path == ENTRIES[0][2])


run()
