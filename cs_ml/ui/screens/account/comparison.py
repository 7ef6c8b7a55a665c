"""A language model's answer beside the scorecard's, computed for the same instant when somebody asks for it."""

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.policy import are_far_apart
from cs_ml.domain.predictions import Prediction
from cs_ml.ui.components import band_badge, plain
from cs_ml.ui.formatting import ENGINE_WORDS, count, percent, points_apart
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.state import Key


def draw_comparison(actor: Actor, prediction: Prediction) -> None:
    """Nothing where the scorecard itself answered, or for whom may not predict."""
    if prediction.provenance.engine == "llm" and actor.may(Permission.PREDICT):
        _draw_sides(prediction)


@st.fragment
def _draw_sides(prediction: Prediction) -> None:
    """Alone in a fragment, behind a switch: the page pays for no second computation that nobody looks at."""
    actor = require_actor(Permission.PREDICT)
    if not st.toggle("Compare with the scorecard", key=Key.COMPARE, help="Computes it anew for the same instant."):
        return
    scorecard = services().predictions.second_opinion(actor, prediction)
    with st.container(horizontal=True, gap="medium"):
        for side in (prediction, scorecard):
            with st.container(width=260, gap="xsmall"):
                st.metric(ENGINE_WORDS[side.provenance.engine], percent(side.probability))
                band_badge(side.band)
                st.caption("\n".join(f"- {plain(driver)}" for driver in side.drivers) or "Nothing raises the risk.")
    _draw_difference(prediction, scorecard)


def _draw_difference(model: Prediction, scorecard: Prediction) -> None:
    apart = points_apart(scorecard.probability, model.probability)
    size = count(apart, "point")
    said = f"The scorecard says {percent(scorecard.probability)}, the model {percent(model.probability)}"
    if are_far_apart(scorecard.probability, model.probability):
        st.warning(f"{said}: {size} apart. So far apart, one of them misses something: review this account.")
    else:
        st.markdown(f"{said}: {size} apart.")
