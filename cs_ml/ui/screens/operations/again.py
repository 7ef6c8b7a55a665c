"""What of a batch that has ended may be done after all: what failed, and what was cancelled."""

import streamlit as st

from cs_ml.domain.actor import Permission
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.jobs import BatchRun
from cs_ml.ui.components import error_state
from cs_ml.ui.formatting import count, words
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key

_WHY = {
    "GAVE_UP": "given up after several attempts",
    "ML_UNAVAILABLE": "no method could answer",
    "NOT_FOUND": "not there any more",
    "ACCOUNT_NOT_FOUND": "not there any more",
}


def draw_again(run: BatchRun, which: str) -> None:
    """`which`: the batch, as a sentence names it. Nothing where all is done, or it is under way."""
    if run.open:
        return
    if run.counts.failed:
        why = ", ".join(f"{_WHY.get(code, words(code))} ({number:,})" for code, number in run.errors.items())
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(f"{count(run.counts.failed, 'account')} of {which} failed: {why}.", width="stretch")
            st.button("Try those again", key=f"{Key.RETRY}_{run.id}", on_click=_retry, args=(run.id,))
    if run.counts.cancelled:
        with st.container(horizontal=True, vertical_alignment="center"):
            left = count(run.counts.cancelled, "account")
            st.info(f"{left} of {which} were left out when it was cancelled.", width="stretch")
            st.button("Go on with it", key=f"{Key.GO_ON}_{run.id}", on_click=_go_on, args=(run.id,))


def _retry(run_id: str) -> None:
    actor = require_actor(Permission.PREDICT)
    try:
        services().runs.retry_failed(actor, run_id)
    except CsMlError as error:
        error_state(error)


def _go_on(run_id: str) -> None:
    actor = require_actor(Permission.PREDICT)
    try:
        services().runs.resume(actor, run_id)
    except CsMlError as error:
        error_state(error)
