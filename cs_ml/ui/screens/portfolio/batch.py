"""Predict many accounts at once: what it would do and cost before it is started, and how far it is."""

from math import ceil

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.jobs import BatchFilter, BatchPlan, BatchRequest, BatchRun
from cs_ml.ui.components import error_state, reader_zone
from cs_ml.ui.formatting import count, instant, small_cost
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.operations.again import draw_again
from cs_ml.ui.state import Key

_LOOK_S = 2.0
_LABELS = {
    BatchFilter.AT_RISK: "At high or critical risk",
    BatchFilter.HIGH_VALUE: "High value: the quarter with the highest revenue",
    BatchFilter.ALL: "All accounts",
}


def draw_batch() -> None:
    """A button; all else is looked up when it is pressed."""
    if st.button("Predict many", key=Key.BATCH, help="Predict many accounts at once. You see the cost before."):
        _ask()


@st.dialog("Predict many accounts", width="medium")
def _ask() -> None:
    actor = require_actor(Permission.PREDICT)
    last = next(iter(services().runs.list(actor, 1)), None)
    if last is not None and last.open and last.user_id == actor.user_id:
        _draw_progress(last.id)
        return
    if last is not None and last.id == st.session_state.get(f"{Key.BATCH}_run"):
        st.success(_ended(last))
        draw_again(last, "it")
    _draw_form(actor)


def _draw_form(actor: Actor) -> None:
    chosen = st.radio("Which accounts", list(_LABELS), format_func=_LABELS.__getitem__, key=f"{Key.BATCH}_filter")
    refresh = st.checkbox(
        "Also those with a valid prediction",
        key=f"{Key.BATCH}_refresh",
        help="Without this, a prediction that is still valid is kept and costs nothing.",
    )
    overnight = services().runs.may_wait(actor) and st.checkbox(
        "Overnight: about half the price, answers within a day",
        key=f"{Key.BATCH}_overnight",
        help="The model's provider answers when it has time. Nothing waits for you: close the window, look tomorrow.",
    )
    request = BatchRequest(filter=chosen, refresh=refresh, overnight=overnight)
    plan = services().runs.plan(actor, request)
    st.text(_words(plan, overnight=overnight))
    if plan.left_today < 1:
        st.caption(f"All batches of today are used up. The limit resets {instant(plan.resets_at, reader_zone())}.")
    st.button(
        "Start",
        type="primary",
        key=f"{Key.BATCH}_start",
        disabled=not plan.accounts or plan.left_today < 1,
        on_click=_start,
        args=(request,),
    )


def _start(request: BatchRequest) -> None:
    actor = require_actor(Permission.PREDICT)
    try:
        run = services().runs.start(actor, request)
    except CsMlError as error:
        error_state(error)
    else:
        st.session_state[f"{Key.BATCH}_run"] = run.id


@st.fragment(run_every=_LOOK_S)
def _draw_progress(run_id: str) -> None:
    actor = require_actor(Permission.PREDICT)
    run = services().runs.get(actor, run_id)
    ended = run.counts.total - run.counts.left
    st.progress(ended / run.counts.total, text=f"{ended:,} of {count(run.counts.total, 'account')}")
    if run.open:
        if run.request.overnight:
            st.caption("Asked overnight: the answers come within a day.")
        st.caption("You may close this window, and the browser: it goes on.")
        st.button("Cancel", key=f"{Key.BATCH}_cancel", on_click=_cancel, args=(run_id,))
    else:
        st.success(_ended(run))
        draw_again(run, "it")
        st.button(
            "Show the new figures", key=f"{Key.BATCH}_done", on_click=st.session_state.pop, args=(Key.BATCH, None)
        )


def _cancel(run_id: str) -> None:
    services().runs.cancel(require_actor(Permission.PREDICT), run_id)


def _words(plan: BatchPlan, *, overnight: bool) -> str:
    """The number, cost and time before anything is started."""
    if not plan.accounts:
        return "No account is like this at the moment."
    kept = plan.accounts - plan.compute
    parts = [f"{count(plan.compute, 'account')} will be predicted" + (f", {kept:,} kept as they are" if kept else "")]
    if plan.cost is None:
        parts.append("the cost is not known until the model has answered once")
    else:
        parts.append(f"about {small_cost(plan.cost)}" if plan.cost else "without cost")
    if plan.duration is not None and plan.duration.total_seconds() >= 1:
        parts.append(f"about {count(ceil(plan.duration.total_seconds() / 60), 'minute')}")
    if overnight and plan.compute:
        parts.append("answered within a day")
    left = "1 batch" if plan.left_today == 1 else f"{plan.left_today} batches"
    return f"{'; '.join(parts)}. You may start {left} more today."


def _ended(run: BatchRun) -> str:
    counts = run.counts
    beside = [
        f"{number:,} {name}"
        for name, number in (
            ("kept as they were", counts.cached),
            ("answered by another engine", counts.fallback),
            ("failed", counts.failed),
            ("cancelled", counts.cancelled),
        )
        if number
    ]
    return f"{count(counts.computed, 'account')} predicted" + (f", {', '.join(beside)}" if beside else "") + "."
