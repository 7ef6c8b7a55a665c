"""Backtests that are kept, and stopping one that runs."""

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.truth.backtests import BacktestRun, BacktestStatus
from cs_ml.ui.components import error_state, table
from cs_ml.ui.formatting import ENGINE_WORDS, count
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key


def draw_runs(actor: Actor) -> None:
    runs = services().backtests.list(actor)
    if not runs:
        return
    running = [run for run in runs if run.status is BacktestStatus.RUNNING]
    title = f"Backtests that are kept ({len(runs)}" + (f", {len(running)} running)" if running else ")")
    with st.expander(title, type="compact"):
        table([_row(run) for run in runs], alt="Backtests with their days and progress", key="backtest-rows")
        if actor.may(Permission.PREDICT):
            for run in running:
                st.button(
                    f"Stop: {ENGINE_WORDS[run.engine]}, {run.first} to {run.last}",
                    key=f"{Key.CANCEL}_{run.id}",
                    on_click=_cancel,
                    args=(run.id,),
                    help="It ends after the customers that it is at. Started again, it goes on from there.",
                )


def _cancel(run_id: int) -> None:
    actor = require_actor(Permission.PREDICT)
    try:
        services().backtests.cancel(actor, run_id)
    except CsMlError as error:
        error_state(error)


def _row(run: BacktestRun) -> dict[str, object]:
    return {
        "Method": ENGINE_WORDS[run.engine],
        "From": run.first,
        "To": run.last,
        "Every": count(run.every_days, "day"),
        "Days ahead": run.window_days,
        "State": "stopping" if run.cancelled and run.status is BacktestStatus.RUNNING else run.status.value,
        "Done": f"{run.done} of {count(run.dates, 'date')}",
        "Predictions": run.predictions,
    }
