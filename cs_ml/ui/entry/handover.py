"""The one script of the app: it posts what its element names, then loads the page anew,
or the next one.

A cookie that scripts cannot read can only be set by an HTTP answer, so the browser has to be sent for it.
"""

import base64
import hashlib

import streamlit as st

CLAIM_PATH = "session/claim"
END_PATH = "session/end"

# A constant, so that the content policy can name its hash. Paths are relative: pages stand one level deep.
SCRIPT = """
(() => {
  const order = document.querySelector("[data-handover]");
  if (!order || order.dataset.done) return;
  order.dataset.done = "yes";
  const next = order.dataset.next;
  fetch(order.dataset.handover, { method: "POST", body: order.dataset.ticket })
    .then(() => next ? location.assign(next) : location.reload());
})();
"""


def source_hash(script: str) -> str:
    """What names an inline script in a content policy."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def claim(ticket: str) -> None:
    """Sends the browser for its session cookie."""
    _send(CLAIM_PATH, ticket)


def clear(then: str = "") -> None:
    """Sends the browser to have its cookie removed, and on to the path `then`."""
    _send(END_PATH, "", then)


def _send(path: str, ticket: str, then: str = "") -> None:
    order = f'<div data-handover="{path}" data-ticket="{ticket}" data-next="{then}"></div>'
    st.html(f"{order}<script>{SCRIPT}</script>", unsafe_allow_javascript=True)
