"""Health insights in words: a language model's where it was asked, else the rule text; and what to know of them."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import streamlit as st

from cs_ml.domain.health.insights import Anomaly
from cs_ml.domain.health.words import PossibleCause
from cs_ml.domain.predictions import DOUBT_SENTENCES, Evidence, Prediction
from cs_ml.ui.charts.trend import ANOMALY_WORDS
from cs_ml.ui.components import plain, table, text
from cs_ml.ui.formatting import fault_words, seconds, small_cost, when


def draw_summary(found: Prediction) -> None:
    """The summary, by whom, and its marks."""
    text(found.explanation)
    source, words = found.provenance, found.health.words if found.health else None
    if words is not None:
        took = "" if source.latency_ms is None else f" in {seconds(source.latency_ms)}"
        st.caption(
            f"Words by the language model {plain(source.model or '')}{took}, cost {small_cost(source.cost)}. All "
            "figures and the marks in the chart are computed from the scores."
        )
    draw_doubts(found)
    if source.fallback_reason:
        reason = plain(fault_words(source.fallback_reason))
        st.info(f"The language model gave no words this time, so the rule text stands. {reason}")


def draw_doubts(found: Prediction) -> None:
    """What to look at before relying on a model's words."""
    marks = [DOUBT_SENTENCES[doubt] for doubt in found.doubts]
    if found.unmatched_numbers:
        numbers = ", ".join(plain(number) for number in found.unmatched_numbers)
        marks.insert(0, f"Not found in the data: {numbers}. Check it before you rely on it.")
    if marks:
        st.warning(marks[0] if len(marks) == 1 else "\n".join(f"- {mark}" for mark in marks))


def draw_anomalies(found: Prediction, now: datetime, zone: tzinfo) -> None:
    """Newest first. Only a decline is a risk; the rest is unusual and no more."""
    st.subheader("What stands out", anchor=False)
    if found.health is None or not found.health.anomalies:
        st.caption("Nothing in the last 90 days.")
        return
    words, facts = found.health.words, {fact.id: fact for fact in found.evidence}
    for number, one in reversed(list(enumerate(found.health.anomalies))):
        title = f"{ANOMALY_WORDS[one.kind]} · {one.dimension.capitalize()} · {when(one.ended, now, zone)}"
        with st.expander(title):
            text(one.description)
            causes = [cause for cause in words.causes if cause.anomaly == number] if words else []
            _draw_causes(one, causes, facts)
            rows = [{"Date": point.at.astimezone(zone).date(), "Score": point.score} for point in one.evidence]
            table(rows, alt="The scores that show it")


def _draw_causes(one: Anomaly, causes: Sequence[PossibleCause], facts: dict[str, Evidence]) -> None:
    for told in one.possible_causes:
        text(f"At the same time: {told}")
    for cause in causes:
        text(f"Possibly: {cause.text}")
        st.caption("  \n".join(f"{fact} {plain(facts[fact].text)}" for fact in cause.evidence if fact in facts))
