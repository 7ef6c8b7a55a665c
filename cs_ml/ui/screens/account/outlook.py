"""What comes next for the health score, and what stands out in it."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import streamlit as st

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import CsMlError, Forbidden, RateLimited
from cs_ml.domain.health.insights import DROP_POINTS, FORECAST_DAYS, HealthForecast, HealthInsights, is_unclear
from cs_ml.domain.predictions import Prediction, PredictionType
from cs_ml.ui.charts.trend import Outlook
from cs_ml.ui.components import empty_state, error_state, facts, plain, table
from cs_ml.ui.formatting import UNKNOWN, ago, count, percent, points
from cs_ml.ui.runtime import services
from cs_ml.ui.screens.account.wording import draw_anomalies, draw_summary
from cs_ml.ui.state import Key

_TRAJECTORIES = {"improving": "Improving", "stable": "Stable", "declining": "Declining", "unknown": UNKNOWN}
_REFRESH = (
    "Computes the outlook anew from the scores known now; a language model, where you have one, puts it in words."
)
_HINTS = {
    "Expected": f"The overall score in {FORECAST_DAYS} days: today's, leaning on the account's own usual level as far "
    "as that came closer at your accounts.",
    "8 times in 10": "How far scores of your accounts moved in 30 days from a like position.",
    "Chance of a drop": f"That the score is {DROP_POINTS} or more points lower in {FORECAST_DAYS} days.",
    "Direction": "The middle slope between all pairs of scores of the last 30 days; none is clear where "
    "the scores went up and down too much.",
    "Learned from": "Past months of your accounts whose end is known.",
}


def ask_outlook(actor: Actor, account_id: int, as_of: datetime | None, *, refresh: bool) -> Prediction | CsMlError:
    """The prediction, or why there is none. Where the day's limit forbids a new one, the stored one stands."""
    try:
        with st.spinner("Looking ahead …"):
            return services().predictions.predict(
                actor, account_id, PredictionType.HEALTH_TREND, force_refresh=refresh, as_of=as_of
            )
    except RateLimited as error:
        if not refresh:
            return error
        error_state(error, still_works="The outlook below is the one from before.")
        return ask_outlook(actor, account_id, as_of, refresh=False)
    except Forbidden as error:
        return error


def ask_refresh(actor: Actor, as_of: datetime | None) -> bool:
    return (
        as_of is None
        and actor.may(Permission.PREDICT)
        and st.button("Refresh outlook", key=Key.HEALTH_REFRESH, help=_REFRESH)
    )


def outlook_of(found: Prediction | CsMlError) -> Outlook | None:
    """What the chart draws of it."""
    insights = found.health if isinstance(found, Prediction) else None
    if insights is None or insights.forecast is None or insights.current is None or insights.current_at is None:
        return None
    return Outlook(since=insights.current_at, score=insights.current, forecast=insights.forecast)


def draw_outlook(found: Prediction | CsMlError, now: datetime, zone: tzinfo) -> None:
    if isinstance(found, Forbidden):
        empty_state("No outlook is stored", "Your role shows outlooks but makes none. A colleague can make one.")
        return
    if isinstance(found, CsMlError):
        error_state(found, still_works="The scores are as they should be.")
        return
    if found.health is None:
        return
    insights = found.health
    draw_summary(found)
    if insights.forecast:
        _draw_forecast(insights, insights.forecast)
    if found.new_facts_since:
        st.caption(f"{count(found.new_facts_since, 'new fact')} since this outlook; Refresh takes them in.")
    st.caption(f"Computed {ago(found.predicted_at, now)} from {count(insights.readings, 'score')}.")
    _draw_areas("What to worry about", insights.risk_areas, "Nothing in the scores goes along with leaving.")
    _draw_areas("What is strong", insights.strength_areas, "No part stands out as strong.")
    if insights.insights:
        st.subheader("By part", anchor=False)
        table(
            _insight_rows(insights, zone),
            alt="What each part of the score does",
            key="insight-rows",
            wide=["What", "What to do"],
        )
    draw_anomalies(found, now, zone)


def _draw_forecast(insights: HealthInsights, found: HealthForecast) -> None:
    known = found.low is not None and found.high is not None
    usual = "" if insights.usual_drop_rate is None else f" (usual here {percent(insights.usual_drop_rate)})"
    chance = UNKNOWN if found.drop_probability is None else f"{percent(found.drop_probability)}{usual}"
    slope = "" if insights.slope is None else f", {points(insights.slope)} in {FORECAST_DAYS} days"
    facts(
        {
            "Expected": f"{found.score:.0f} of 100",
            "8 times in 10": f"{found.low:.0f} to {found.high:.0f}" if known else UNKNOWN,
            "Chance of a drop": chance,
            "Direction": f"{_direction(insights)}{slope}",
            "Learned from": count(found.learned_from, "month"),
        },
        _HINTS,
    )


def _direction(insights: HealthInsights) -> str:
    if is_unclear(insights.trajectory, insights.slope):
        return "No clear one"
    return _TRAJECTORIES[insights.trajectory]


def _draw_areas(title: str, areas: Sequence[str], nothing: str) -> None:
    st.subheader(title, anchor=False)
    if not areas:
        st.caption(nothing)
    if areas:
        st.markdown("\n".join(f"- {plain(area)}" for area in areas))


def _insight_rows(insights: HealthInsights, zone: tzinfo) -> list[dict[str, object]]:
    return [
        {
            "Part": one.dimension.capitalize(),
            "Score": one.score,
            "Risk": one.severity,
            "What": one.insight,
            "What to do": one.suggested_action,
            "Points in 30 days": one.slope,
            "Scores in 30 days": one.readings,
            "Date": one.at.astimezone(zone).date(),
        }
        for one in insights.insights
    ]
