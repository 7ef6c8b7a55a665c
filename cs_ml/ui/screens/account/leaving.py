"""Telling that a customer has left, and taking it back."""

from datetime import UTC, date, datetime

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import CsMlError, NotFound
from cs_ml.domain.truth.outcomes import RecordedChurn
from cs_ml.services.truth.outcomes import MAX_REASON
from cs_ml.ui.components import error_state, text
from cs_ml.ui.formatting import day
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key


def draw_leaving(actor: Actor, account_id: int, as_of: datetime | None) -> None:
    """Nothing while looking back, or for whom may not record."""
    if as_of is not None or not actor.may(Permission.RECORD):
        return
    _draw_fold(account_id)


@st.fragment
def _draw_fold(account_id: int) -> None:
    """Nothing is asked for or drawn before it is opened."""
    actor = require_actor(Permission.RECORD)
    fold = st.expander("Has this customer left?", type="compact", key=Key.CHURNED, on_change="rerun")
    if fold.open:
        with fold:
            recorded = services().outcomes.recorded(actor, account_id)
            if recorded is None:
                _draw_form(account_id)
            else:
                _draw_recorded(account_id, recorded)


def _draw_form(account_id: int) -> None:
    today = services().clock().astimezone(UTC).date()
    with st.form(f"{Key.CHURNED}_{account_id}", border=False):
        on = st.date_input("Left on", value=today, max_value=today, key=f"{Key.CHURNED}_on_{account_id}")
        reason = st.text_input(
            "Reason, as far as it is known", max_chars=MAX_REASON, key=f"{Key.CHURNED}_why_{account_id}"
        )
        st.caption(
            "The predictions for this customer are then judged, and the customer leaves the lists. You can undo it."
        )
        sent = st.form_submit_button("Mark as left")
    if sent and isinstance(on, date):
        _mark(account_id, on, reason)


def _mark(account_id: int, on: date, reason: str) -> None:
    actor = require_actor(Permission.RECORD)
    try:
        services().outcomes.mark_churned(actor, account_id, on, reason)
    except CsMlError as error:
        error_state(error, still_works="Nothing was recorded.")
        return
    st.rerun()


def _draw_recorded(account_id: int, recorded: RecordedChurn) -> None:
    st.markdown(f"Marked as left on **{day(recorded.churned_at, UTC)}**, recorded on {day(recorded.recorded_at, UTC)}.")
    if recorded.reason:
        text(recorded.reason)
    st.button(
        "Undo: still a customer",
        key=f"{Key.CHURNED}_undo_{account_id}",
        on_click=_take_back,
        args=(account_id, recorded.id),
        help="The record goes, and what was judged by it is open again.",
    )


def _take_back(account_id: int, event_id: int) -> None:
    actor = require_actor(Permission.RECORD)
    try:
        services().outcomes.take_back(actor, account_id, event_id)
    except NotFound:
        st.toast("It was taken back already.")
