"""How it went: health over time, what happened meanwhile, and what was predicted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import DIMENSIONS, Dimension
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.health.insights import Anomaly
from cs_ml.domain.health.timeline import AccountTimeline, PastPrediction
from cs_ml.domain.predictions import Origin, Prediction
from cs_ml.ui.charts.health import health_words
from cs_ml.ui.charts.risk import risk_history_figure, risk_history_words
from cs_ml.ui.charts.trend import trend_figure, trend_words
from cs_ml.ui.components import empty_state, table, zone_of
from cs_ml.ui.formatting import DERIVED, ENGINE_WORDS
from cs_ml.ui.runtime import require_actor, services
from cs_ml.ui.screens.account.changed import draw_changed
from cs_ml.ui.screens.account.held import day_pointed_at, draw_held
from cs_ml.ui.screens.account.outlook import ask_outlook, ask_refresh, draw_outlook, outlook_of
from cs_ml.ui.state import Key

_RANGES: Mapping[str, int | None] = {"30": 30, "90": 90, "180": 180, "365": 365, "all": None}
_ORIGIN_WORDS: Mapping[Origin, str] = {
    "single": "on request",
    "batch": "for all accounts",
    "replay": "looking back",
}
_NO_BAR = {"displayModeBar": False}


@st.fragment
def draw_health(account_id: int, as_of: datetime | None, download: str) -> None:
    """Alone in a fragment: another range or dimension draws nothing else anew."""
    actor, zone = require_actor(), zone_of(as_of)
    st.header("Health", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.segmented_control(
            "Days shown",
            list(_RANGES),
            default="90",
            required=True,
            key=Key.DAYS,
            bind="query-params",
        )
        dimensions: Sequence[Dimension] = st.pills(
            "Scores",
            DIMENSIONS,
            selection_mode="multi",
            default=DIMENSIONS[:1],
            format_func=str.capitalize,
            key=Key.DIMENSIONS,
            wrap=True,
            bind="query-params",
            help="The overall health score, and the parts that it is made of where your data has them.",
        )
        refresh = ask_refresh(actor, as_of)
    timeline = services().accounts.timeline(actor, account_id, days=_RANGES[chosen or "90"], as_of=as_of)
    if not timeline.health and not timeline.events:
        empty_state("Nothing is recorded in this time", "Choose a longer time above, or import health scores.")
        return
    if timeline.derived and timeline.health:
        st.badge("Derived", icon=":material/calculate:", color="gray", help=DERIVED)
    found = ask_outlook(actor, account_id, as_of, refresh=refresh)
    tabs = ["Chart", "What comes next", "What changed", "Scores", f"Events ({len(timeline.events)})"]
    chart, ahead, changed, numbers, happened = st.tabs(tabs, key=Key.HEALTH_TAB, on_change="rerun")
    if chart.open:
        with chart:
            _draw_chart(actor, account_id, timeline, found, dimensions=dimensions or DIMENSIONS[:1], zone=zone)
    if ahead.open:
        with ahead:
            draw_outlook(found, timeline.until, zone)
    if changed.open:
        with changed:
            draw_changed(actor, account_id, timeline.until, zone)
    with numbers:
        table(_score_rows(timeline, zone), alt="Health scores by date", download=download, key="health-rows")
    with happened:
        table(_event_rows(timeline, zone), alt="Events by date", key="event-rows", wide=["What"])


def draw_predictions(predictions: Sequence[PastPrediction], zone: tzinfo, download: str) -> None:
    if not predictions:
        empty_state("No prediction is stored yet", "The first one appears here once it is computed.")
        return
    st.plotly_chart(
        risk_history_figure(predictions, zone=zone),
        config=_NO_BAR,
        alt=risk_history_words(predictions),
        key="risk-history",
    )
    rows = [_prediction_row(one, zone) for one in reversed(predictions)]
    table(rows, alt="Stored predictions, newest first", download=download, key="prediction-rows")


def _draw_chart(
    actor: Actor,
    account_id: int,
    timeline: AccountTimeline,
    found: Prediction | CsMlError,
    *,
    dimensions: Sequence[Dimension],
    zone: tzinfo,
) -> None:
    known = [*(reading.at for reading in timeline.health), *(event.at for event in timeline.events)]
    anomalies = _anomalies(actor, account_id, timeline, found)
    outlook = outlook_of(found)
    event = st.plotly_chart(
        trend_figure(
            timeline.health,
            timeline.events,
            dimensions,
            anomalies=anomalies,
            outlook=outlook,
            span=(max(timeline.since, min(known)), timeline.until),
            zone=zone,
        ),
        config=_NO_BAR,
        alt=health_words(timeline.health, dimensions, len(timeline.events))
        + trend_words(anomalies, dimensions, outlook),
        key="health-chart",
        on_select="rerun",
        selection_mode="points",
    )
    at = day_pointed_at(event, timeline.until)
    if at is None:
        st.caption(
            "Click a point to see what held on that day." if timeline.health else "The events are in their list."
        )
    else:
        draw_held(actor, account_id, at, zone)


def _anomalies(
    actor: Actor, account_id: int, timeline: AccountTimeline, found: Prediction | CsMlError
) -> Sequence[Anomaly]:
    """The outlook knows those of the last 90 days; of a longer time they are looked for."""
    insights = found.health if isinstance(found, Prediction) else None
    if insights is not None and timeline.until - timeline.since <= timedelta(days=90):
        return [one for one in insights.anomalies if one.ended > timeline.since]
    return services().anomalies.anomalies(actor, account_id, timeline.since, timeline.until)


def _score_rows(timeline: AccountTimeline, zone: tzinfo) -> list[dict[str, object]]:
    return [
        {"Date": reading.at.astimezone(zone).date()}
        | {name.capitalize(): reading.scores.get(name) for name in DIMENSIONS}
        for reading in reversed(timeline.health)
    ]


def _event_rows(timeline: AccountTimeline, zone: tzinfo) -> list[dict[str, object]]:
    return [
        {"Date": event.at.astimezone(zone).date(), "Event": event.kind.value, "What": event.text}
        for event in reversed(timeline.events)
    ]


def _prediction_row(one: PastPrediction, zone: tzinfo) -> dict[str, object]:
    outcome = {True: "left", False: "stayed", None: "open"}[one.churned]
    return {
        "Date": one.at.astimezone(zone).date(),
        "Chance of leaving, %": round(one.probability * 100),
        "Usual here, %": round(one.base_rate * 100),
        "Band": one.band.value.capitalize(),
        "Days ahead": one.window_days,
        "Method": ENGINE_WORDS[one.engine],
        "Made": _ORIGIN_WORDS[one.origin],
        "Outcome": outcome,
    }
