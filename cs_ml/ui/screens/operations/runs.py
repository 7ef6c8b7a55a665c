"""Batches with their progress, looked at again every few seconds while one is under way; and what the nights did."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import streamlit as st

from cs_ml.domain.actor import Permission
from cs_ml.domain.jobs import BatchRun, ScheduleState
from cs_ml.ui.components import download_name, empty_state, reader_zone, table
from cs_ml.ui.formatting import ago, count, instant, when, words
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.operations.again import draw_again
from cs_ml.ui.state import Key

_LOOK_S = 2.0
_SHOWN = 20
_WHICH = {"all": "all accounts", "high_value": "high value", "at_risk": "at risk"}


def draw_runs() -> None:
    """Polled only while something moves."""
    actor = require_actor(Permission.MANAGE_TENANT)
    moving = any(run.open for run in services().runs.list(actor, _SHOWN))
    st.fragment(_draw_runs, run_every=_LOOK_S if moving else None)()


def _draw_runs() -> None:
    actor = require_actor(Permission.MANAGE_TENANT)
    found, zone = services().runs.list(actor, _SHOWN), reader_zone()
    if not found:
        empty_state("No batch yet", "Start one from the Portfolio page, or with `cs-ml batch --tenant SLUG`.")
        return
    for run in found:
        if run.open:
            _draw_open(run)
    ended = [run for run in found if not run.open]
    if ended:
        draw_again(ended[0], "the last batch")
        table(
            [_row(run, zone) for run in ended],
            alt="Batches that have ended, the newest first",
            download=download_name("batches"),
            key="batches",
        )
    if not any(run.open for run in found) and st.session_state.pop(Key.MOVING, False):
        st.rerun()
    st.session_state[Key.MOVING] = any(run.open for run in found)


def _draw_open(run: BatchRun) -> None:
    counts, now = run.counts, services().clock()
    ended = counts.total - counts.left
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            stopping = " Stopping." if run.state == "cancelling" else ""
            st.markdown(f"**{_title(run)}**, started {ago(run.started_at, now)}.{stopping}", width="stretch")
            if run.state == "running":
                st.button("Cancel", key=f"{Key.CANCEL}_{run.id}", on_click=_cancel, args=(run.id,))
        if run.request.overnight:
            st.caption("Asked overnight: the model's provider answers within a day, at about half the price.")
        st.progress(ended / counts.total, text=f"{ended:,} of {count(counts.total, 'account')}: {_parts(run)}")


def _cancel(run_id: str) -> None:
    services().runs.cancel(require_actor(Permission.MANAGE_TENANT), run_id)


def draw_schedules(states: Sequence[ScheduleState], now: datetime, zone: tzinfo) -> None:
    rows = [
        {
            "What": state.says,
            "Last done": when(state.succeeded_at, now, zone),
            "Trouble": "" if state.error is None else f"last run failed: {words(state.error)}",
        }
        for state in states
    ]
    table(rows, alt="What runs by itself at night, and when each was last done", wide=["What"])


def _title(run: BatchRun) -> str:
    kind = "Churn predictions" if run.request.type == "CHURN" else f"{words(run.request.type).capitalize()} predictions"
    return f"{kind}, {_WHICH[run.request.filter]}" + (", overnight" if run.request.overnight else "")


def _parts(run: BatchRun) -> str:
    counts = run.counts
    named = {
        "computed": counts.computed,
        "still valid": counts.cached,
        "by another engine": counts.fallback,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
    }
    return ", ".join(f"{number:,} {name}" for name, number in named.items() if number) or "none yet"


def _row(run: BatchRun, zone: tzinfo) -> dict[str, object]:
    counts = run.counts
    lasted = (run.finished_at - run.started_at).total_seconds() if run.finished_at else 0.0
    return {
        "Batch": _title(run),
        "Started": instant(run.started_at, zone),
        "Ended": run.state,
        "Seconds": round(lasted, 1),
        "Accounts": counts.total,
        "Computed": counts.computed,
        "Still valid": counts.cached,
        "Other engine": counts.fallback,
        "Failed": counts.failed,
        "Cancelled": counts.cancelled,
        "Cost, USD": round(float(counts.cost), 4),
    }
