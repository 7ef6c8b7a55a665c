"""My CTAs as a table and as a calendar; both are made when the button is pressed, for who is signed in then."""

from collections.abc import Callable

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.ctas.values import Cta
from cs_ml.domain.errors import Forbidden
from cs_ml.services.work.calendar import calendar_bytes
from cs_ml.ui.components import download_name
from cs_ml.ui.exports import csv_bytes
from cs_ml.ui.runtime import services, session_token, sessions
from cs_ml.ui.state import Key


def draw_downloads(actor: Actor) -> None:
    name = download_name("my-ctas")
    st.download_button(
        "My CTAs as CSV",
        _made(actor, lambda: csv_bytes([_cells(cta) for cta in services().inbox.mine(actor)])),
        name,
        "text/csv",
        key=Key.CTA_CSV,
        on_click="ignore",
        help="All that are open, snoozed ones too.",
    )
    st.download_button(
        "My CTAs as calendar",
        _made(
            actor,
            lambda: calendar_bytes(services().inbox.mine(actor), services().clock(), tenant_id=actor.tenant_id),
        ),
        name.removesuffix(".csv") + ".ics",
        "text/calendar",
        key=Key.CTA_ICS,
        on_click="ignore",
        help="For any calendar. Importing it again moves the entries, it does not double them.",
    )


def _made(actor: Actor, make: Callable[[], bytes]) -> Callable[[], bytes]:
    """The button's request is no run of the page, so the session is looked up anew."""
    token = session_token()

    def checked() -> bytes:
        found = sessions().resolve(token) if token else None
        if found is None or found.actor != actor:
            raise Forbidden("You are not signed in any more, or to another tenant. Load the page again.")
        return make()

    return checked


def _cells(cta: Cta) -> dict[str, object]:
    return {
        "cta_id": cta.id,
        "account_id": cta.account_id,
        "account": cta.account_name,
        "title": cta.title,
        "priority": cta.priority.value,
        "status": cta.status.value,
        "due": cta.due,
        "snoozed_until": cta.snoozed_until,
        "type": cta.type.value,
        "playbook": cta.playbook_name,
        "tasks": len(cta.tasks),
        "tasks_done": sum(task.status == "DONE" for task in cta.tasks),
        "reason": cta.reason,
        "created": cta.created_at,
    }
