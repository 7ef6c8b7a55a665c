"""The prediction of the account: how likely, how sure, by which method, how old."""

from datetime import datetime, tzinfo

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import EngineUnavailable, Forbidden, RateLimited
from cs_ml.domain.policy import confidence_level
from cs_ml.domain.predictions import Prediction
from cs_ml.ui.components import empty_state, error_state, facts, plain, text
from cs_ml.ui.formatting import ENGINE_WORDS, ago, chance_words, count, percent, times_usual, when, words
from cs_ml.ui.runtime import services
from cs_ml.ui.state import Key

_REFRESH = "Computes the risk anew from everything known now."
_HINTS = {
    "Confidence": "How far to trust the figure. It is low where little is known of the account, or where the usual "
    "method could not answer.",
    "Method": "Scorecard: fixed points for known warning signs. Learned: a model trained on what became of your own "
    "accounts. Language model: a judgement by an AI model.",
    "Valid until": "Until then the stored answer is shown; afterwards a new one is computed.",
}


def ask_prediction(actor: Actor, account_id: int, as_of: datetime | None) -> Prediction | None:
    """The heading with its Refresh, and one call for the prediction; None, after words, where there is none."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Risk", anchor=False, width="stretch")
        refresh = (
            as_of is None and actor.may(Permission.PREDICT) and st.button("Refresh", key=Key.REFRESH, help=_REFRESH)
        )
    try:
        with st.spinner("Computing the risk …"):
            return services().predictions.predict(actor, account_id, force_refresh=refresh, as_of=as_of)
    except Forbidden:
        empty_state("No prediction is stored", "Your role shows predictions but makes none. A colleague can make one.")
    except (RateLimited, EngineUnavailable) as error:
        error_state(error, still_works="The rest of this page is as it should be.")
    return None


def draw_card(prediction: Prediction, now: datetime, zone: tzinfo) -> None:
    chance, usual = prediction.probability, prediction.base_rate
    st.metric(
        f"Chance of leaving within {prediction.window_days} days",
        percent(chance),
        help="Of 100 accounts in the same position, so many are expected to leave in that time. An expectation of the "
        "method named below, not yet compared with what happened at your customers: trust the order more than the "
        "figure.",
    )
    method = ENGINE_WORDS[prediction.provenance.engine].lower()
    st.markdown(
        f"The {method} expects {chance_words(chance)} to leave: **{times_usual(chance, usual)}** ({percent(usual)})."
    )
    text(prediction.explanation)
    if prediction.unmatched_numbers:
        text(f"Not in the data, so do not rely on it: {', '.join(prediction.unmatched_numbers)}.")
    _draw_marks(prediction)
    made = f"{ago(prediction.predicted_at, now)} · {_freshness(prediction)}"
    facts(
        {
            "Confidence": confidence_level(prediction.confidence).capitalize(),
            "Method": ENGINE_WORDS[prediction.provenance.engine],
            "Computed": made,
            "Valid until": "not stored" if prediction.id is None else when(prediction.valid_until, now, zone),
        },
        _HINTS,
    )


def _freshness(prediction: Prediction) -> str:
    if prediction.origin == "replay":
        return "for a day in the past"
    return "from the store" if prediction.cached else "fresh"


def _draw_marks(prediction: Prediction) -> None:
    """What a reader must know before trusting the figure."""
    source = prediction.provenance
    if prediction.new_facts_since:
        st.info(f"Stale: {count(prediction.new_facts_since, 'new fact')} since this prediction.")
    if source.fallback_reason:
        reason = plain(words(source.fallback_reason))
        st.warning(
            f"The usual method could not answer ({reason}), so the {ENGINE_WORDS[source.engine].lower()} did. "
            "It will be tried again after a few minutes."
        )


def draw_recommendations(prediction: Prediction, *, left: bool) -> None:
    """`left`: the account is a customer no more."""
    st.header("What to do", anchor=False)
    advised = [] if left else prediction.recommendations
    if not advised:
        st.caption("Nothing: this account has left." if left else "Nothing in particular: keep the usual contact.")
    for advice in advised:
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"**{plain(advice.action)}**")
            text(advice.rationale)
            st.caption(
                f"{plain(advice.timeframe).capitalize()} · {advice.effort} effort · {plain(advice.expected_impact)}"
            )
