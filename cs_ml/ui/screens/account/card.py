"""The prediction of the account: how likely, how sure, by which method, how old."""

from datetime import datetime, tzinfo

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import DatabaseAway, EngineUnavailable, Forbidden, RateLimited
from cs_ml.domain.llm.usage import NEED_SETTINGS
from cs_ml.domain.policy import confidence_level
from cs_ml.domain.predictions import Prediction, Provenance
from cs_ml.ui.components import empty_state, error_state, facts, plain, text
from cs_ml.ui.formatting import (
    ENGINE_WORDS,
    UNKNOWN,
    ago,
    chance_words,
    count,
    fault_words,
    percent,
    seconds,
    small_cost,
    times_usual,
    when,
)
from cs_ml.ui.runtime import services
from cs_ml.ui.screens.account.wording import draw_doubts
from cs_ml.ui.state import Key

_REFRESH = "Computes the risk anew from everything known now."
_HINTS = {
    "Confidence": "How far to trust the figure. It is low where little is known of the account, or where the usual "
    "method could not answer.",
    "Method": "Scorecard: fixed points for known warning signs. Learned: a model trained on what became of your own "
    "accounts. Language model: a judgement by an AI model.",
    "Valid until": "Until then the stored answer is shown; afterwards a new one is computed.",
}

_ORIGIN_HINTS = {
    "Prompt version": "Changes with every word of the texts that the model is asked with.",
    "Tokens": "Pieces of words, of the question and the answer together; providers charge by them.",
    "Cost": "By the price list of this installation. Not known where the list does not have the model.",
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
    except (RateLimited, EngineUnavailable, DatabaseAway) as error:
        error_state(error, still_works="The rest of this page is as it should be.")
    return None


def draw_card(prediction: Prediction, now: datetime, zone: tzinfo) -> None:
    chance, usual = prediction.probability, prediction.base_rate
    st.metric(
        f"Chance of leaving within {prediction.window_days} days",
        percent(chance),
        help="Of 100 accounts in the same position, so many are expected to leave in that time. "
        + _how_sure(prediction),
    )
    method = _method(prediction)
    st.markdown(
        f"The {method} expects {chance_words(chance)} to leave: **{times_usual(chance, usual)}** ({percent(usual)})."
    )
    text(prediction.explanation)
    _draw_adjustment(prediction)
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
    _draw_origin(prediction.provenance)


def _method(prediction: Prediction) -> str:
    """To stand after an article."""
    engine = prediction.provenance.engine
    return "model learned from your outcomes" if engine == "learned" else ENGINE_WORDS[engine].lower()


def _how_sure(prediction: Prediction) -> str:
    if prediction.provenance.engine == "learned" or prediction.raw_probability is not None:
        return "Fitted to what became of your own accounts; the Accuracy page says how well that holds."
    return (
        "An expectation of the method named below, not yet compared with what happened at your customers: trust the "
        "order more than the figure."
    )


def _draw_adjustment(prediction: Prediction) -> None:
    """Both figures, where they differ as shown."""
    raw = prediction.raw_probability
    if raw is None or percent(raw) == percent(prediction.probability):
        return
    method = _method(prediction)
    st.caption(
        f"The {method} alone says {percent(raw)}; adjusted to what became of your own accounts it is "
        f"{percent(prediction.probability)}."
    )


def _freshness(prediction: Prediction) -> str:
    if prediction.origin == "replay":
        return "for a day in the past"
    return "from the store" if prediction.cached else "fresh"


def _draw_marks(prediction: Prediction) -> None:
    """What a reader must know before trusting the figure."""
    draw_doubts(prediction)
    if prediction.new_facts_since:
        st.info(f"Stale: {count(prediction.new_facts_since, 'new fact')} since this prediction.")
    source = prediction.provenance
    if source.fallback_reason:
        reason, method = plain(fault_words(source.fallback_reason)), ENGINE_WORDS[source.engine].lower()
        st.warning(
            f"No new answer this time, so the earlier one of the {method} stands. {reason}"
            if source.engine == "llm"
            else f"The usual method could not answer, so the {method} did. {reason}{_again(source.fallback_reason)}"
        )


def _again(reason: str) -> str:
    """Nothing where waiting does not help."""
    return "" if reason in NEED_SETTINGS else " It will be tried again after a few minutes."


def _draw_origin(source: Provenance) -> None:
    """For an answer of the language model: by which one, asked how, and at what price."""
    if source.engine != "llm":
        return
    with st.expander("How this was made", type="compact"):
        facts(
            {
                "Model": source.model or UNKNOWN,
                "Prompt version": source.prompt_version or UNKNOWN,
                "Tokens": UNKNOWN if source.tokens is None else f"{source.tokens:,}",
                "Cost": small_cost(source.cost),
                "Time taken": UNKNOWN if source.latency_ms is None else seconds(source.latency_ms),
            },
            _ORIGIN_HINTS,
        )


def draw_recommendations(prediction: Prediction, *, left: bool) -> None:
    """`left`: the account is a customer no more."""
    st.header("What to do", anchor=False)
    advised = [] if left else prediction.recommendations
    if not advised:
        st.caption("Nothing: this account has left." if left else "Nothing in particular: keep the usual contact.")
    for advice in advised:
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"**{plain(advice.action)}**  \n{plain(advice.rationale)}")
            st.caption(
                f"{plain(advice.timeframe).capitalize()} · {advice.effort} effort · {plain(advice.expected_impact)}"
            )
