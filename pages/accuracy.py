"""How often the predictions were right, and what they are good for."""

import streamlit as st

from cs_ml.domain.actor import Permission
from cs_ml.ui import cache
from cs_ml.ui.components import download_name
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.accuracy.calibration import draw_calibration
from cs_ml.ui.screens.accuracy.choices import Section, Source, ask_look, ask_section, ask_source
from cs_ml.ui.screens.accuracy.groups import draw_groups
from cs_ml.ui.screens.accuracy.headline import (
    draw_baselines,
    draw_definition,
    draw_figures,
    draw_guard,
    draw_nothing,
    draw_shadows,
)
from cs_ml.ui.screens.accuracy.misses import draw_misses
from cs_ml.ui.screens.accuracy.runs import draw_runs
from cs_ml.ui.screens.accuracy.working import draw_capacity, draw_lead, draw_threshold, judged_of


def render() -> None:
    actor = require_actor(Permission.READ)
    st.title("Accuracy", anchor=False)
    state = services().accuracy.state(actor)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source, counts = ask_source(state)
        chosen = ask_look(actor, state, source)
    draw_guard(counts)
    if source is Source.BACKTEST:
        draw_runs(actor)
    else:
        draw_shadows(state.shadows)
    if chosen is None:
        draw_nothing(source, counts)
        return
    draw_definition(chosen, state.complete_until)
    with st.spinner("Working out the figures …"):
        found = cache.evaluated(actor.tenant_id, chosen.look)
        others = cache.compared(actor.tenant_id, chosen.look)
    judged = judged_of(chosen)
    draw_figures(found, worked_on=int(judged.treated.sum()))
    draw_baselines(chosen, found, others, download_name("accuracy"))
    match ask_section():
        case Section.CALIBRATION:
            draw_calibration(found, judged, download_name("calibration"))
        case Section.THRESHOLD:
            draw_threshold(chosen, download_name("thresholds"))
        case Section.CAPACITY:
            draw_capacity(chosen, download_name("capacity"))
        case Section.GROUPS:
            draw_groups(chosen, download_name("groups"))
        case Section.LEAD:
            draw_lead(chosen, download_name("lead-times"))
        case Section.MISSES:
            draw_misses(chosen)


render()
