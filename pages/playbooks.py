"""The playbooks of the tenant: what suggestions come with."""

import streamlit as st

from cs_ml.domain.actor import Permission
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.ctas.actions import draw_notice
from cs_ml.ui.screens.ctas.playbooks import draw_effects, draw_playbooks


def render() -> None:
    actor = require_actor(Permission.READ)
    st.title("Playbooks", anchor=False)
    st.caption(
        "A suggested CTA comes with the active playbook that answers most of its reasons, then the one used most."
    )
    draw_notice()
    playbooks = services().playbooks.list(actor)
    draw_playbooks(actor, playbooks)
    draw_effects(playbooks)


render()
