"""How much each part of the scorecard counts here."""

from pathlib import Path

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import CsMlError
from cs_ml.ui.components import download_name, error_state, table
from cs_ml.ui.formatting import NARROW
from cs_ml.ui.runtime import services
from cs_ml.ui.screens.admin.settings import draw_history
from cs_ml.ui.state import Key

_PLAYBOOKS = Path(__file__).parents[4] / "pages" / "playbooks.py"
_SETTING = "scorecard_weights"


def draw_scorecard(actor: Actor) -> None:
    st.caption(
        "The scorecard adds up parts. A weight makes a part count more or less here: 1 is as it comes, 0 leaves it "
        "out, 2 doubles it. New predictions use it; those that stand keep theirs until they are renewed. Models that "
        "learn from outcomes do not use these weights, and while any is set the scorecard's chances are not adjusted "
        "to what happened: compare on the Accuracy page."
    )
    shown = st.container()
    with st.container(border=True):
        _draw_form(actor)
    rows = [
        {
            "Part": part.label,
            "Weight": f"{part.weight:g}",
            "Adds at most": f"{part.most * 100:.3g}{NARROW}points",
            "What it judges": part.risk,
        }
        for part in services().tenant_settings.scorecard(actor)
    ]
    with shown:
        table(
            rows,
            alt="Parts of the scorecard with their weights",
            download=download_name("scorecard"),
            key=Key.WEIGHTS,
            wide=("What it judges",),
        )
    st.page_link(_PLAYBOOKS, label="What to do about a part: the playbooks", icon=":material/arrow_forward:")
    draw_history(actor, _SETTING)


def _draw_form(actor: Actor) -> None:
    parts = {part.code: part for part in services().tenant_settings.scorecard(actor)}
    code = st.selectbox("Part", list(parts), format_func=lambda found: parts[found].label, key=Key.WEIGHT_OF)
    with st.form(f"{Key.WEIGHT_OF}_form", border=False):
        weight = st.number_input(
            "Weight", 0.0, 2.0, parts[code].weight, 0.1, format="%.2f", key=f"{Key.WEIGHT_OF}_{code}"
        )
        saved = st.form_submit_button("Save")
    if not saved:
        return
    try:
        services().tenant_settings.weigh(actor, code, round(weight, 2))
    except CsMlError as error:
        error_state(error)
        return
    st.success("Saved.")
