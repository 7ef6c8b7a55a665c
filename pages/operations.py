"""Whether it runs: the model and its cost, batches and nights, what is left of the day, how fresh the data are."""

import streamlit as st

from cs_ml.domain.actor import Permission
from cs_ml.ui.components import reader_zone
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.operations.figures import ask_days, draw_fallbacks, draw_figures, draw_freshness, draw_left
from cs_ml.ui.screens.operations.runs import draw_runs, draw_schedules
from cs_ml.ui.screens.operations.usage import draw_usage


def render() -> None:
    actor = require_actor(Permission.MANAGE_TENANT)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.title("Operations", anchor=False, width="stretch")
        days = ask_days()
    overview, now, zone = services().monitoring.overview(actor, days), services().clock(), reader_zone()
    draw_figures(overview)
    draw_left(overview, now, zone)
    st.header("Batches", anchor=False)
    draw_runs()
    st.header("The model", anchor=False)
    draw_fallbacks(overview)
    draw_usage(overview)
    st.header("Nights and data", anchor=False)
    nights, data = st.columns([3, 2], gap="medium")
    with nights:
        draw_schedules(services().schedules.states(actor), now, zone)
    with data:
        draw_freshness(overview, now, zone)


render()
