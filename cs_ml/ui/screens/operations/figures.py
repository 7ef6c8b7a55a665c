"""The five key figures, what is left of the day, why the model was passed over, and how fresh the data are."""

from datetime import datetime, tzinfo

import streamlit as st

from cs_ml.domain.llm.usage import Share
from cs_ml.services.operations.monitoring import Overview
from cs_ml.ui.components import download_name, empty_state, table
from cs_ml.ui.formatting import UNKNOWN, ago, count, fault_words, instant, percent, seconds, when
from cs_ml.ui.state import Key

_DAYS = (7, 30, 90)
_LEAST_WIDTH = 176  # pixels: two side by side on a phone


def ask_days() -> int:
    chosen = st.segmented_control(
        "Period",
        _DAYS,
        default=_DAYS[1],
        format_func=lambda days: f"{days} days",
        key=Key.PERIOD,
        label_visibility="collapsed",
        required=True,
    )
    return int(chosen or _DAYS[1])


def draw_figures(overview: Overview) -> None:
    found = overview.figures
    usual = UNKNOWN if found.usual_ms is None else seconds(found.usual_ms)
    none = "all were asked overnight" if found.calls.part else "no answer of a model yet"
    slow = none if found.slow_ms is None else f"95 % within {seconds(found.slow_ms)}"
    fallbacks = Share(part=sum(found.fallbacks.values()), n=found.predictions)
    with st.grid(5, min_column_width=_LEAST_WIDTH, gap="xsmall"):
        _draw("Time of an answer", usual, slow, "Half of the model's answers took this long at most.")
        _draw_share(
            "Calls answered", found.calls, "call", "Calls of the language model that ended in an answer, of all calls."
        )
        _draw_share(
            "Fallbacks",
            fallbacks,
            "prediction",
            "Predictions that the scorecard had to make because the model could not, of all predictions.",
        )
        _draw_share(
            "Predictions right",
            found.accurate,
            "judged",
            "Of the predictions whose outcome became known in this period: on the right side of one half.",
        )
        _draw_share(
            "CTAs completed",
            found.completed,
            "CTA",
            "Of the calls to action that were made from predictions in this period.",
        )


def draw_left(overview: Overview, now: datetime, zone: tzinfo) -> None:
    st.caption(
        f"Left today: {count(overview.predictions_left, 'single prediction')} and "
        f"{count(overview.batches_left, 'batch').replace('batchs', 'batches')}; both start anew "
        f"{instant(overview.resets_at, zone)} ({ago(overview.resets_at, now)}). Stored answers cost nothing."
    )


def draw_fallbacks(overview: Overview) -> None:
    reasons = sorted(overview.figures.fallbacks.items(), key=lambda item: (-item[1], item[0]))
    if not reasons:
        st.caption("No prediction of this period had to do without the model it was meant for.")
        return
    rows = [{"Why another engine answered": fault_words(reason), "Predictions": number} for reason, number in reasons]
    table(rows, alt="How many predictions another engine had to make, by reason", wide=["Why another engine answered"])


def draw_freshness(overview: Overview, now: datetime, zone: tzinfo) -> None:
    rows = [{"Data": source, "Newest": when(at, now, zone)} for source, at in overview.newest.items()]
    if not any(overview.newest.values()):
        empty_state("No data yet", "Import some: `cs-ml import FOLDER --tenant SLUG`.")
        return
    table(rows, alt="When the newest of each kind of data was", download=download_name("freshness"), key="freshness")


def _draw_share(label: str, share: Share, thing: str, hint: str) -> None:
    words = f"of {share.n:,} {thing}" if thing == "judged" else f"of {count(share.n, thing)}"
    _draw(label, UNKNOWN if share.value is None else percent(share.value), words, hint)


def _draw(label: str, value: str, line: str, hint: str) -> None:
    with st.container(border=True, height="stretch", gap="xxsmall"):
        st.metric(label, value, help=hint)
        st.caption(line)
