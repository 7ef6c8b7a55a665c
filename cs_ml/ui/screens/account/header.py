"""Who the account is: stage, money, renewal, owner, and the band it lies in."""

from datetime import datetime, tzinfo

import streamlit as st

from cs_ml.domain.context import AccountContext
from cs_ml.domain.health.timeline import AccountEvent
from cs_ml.domain.predictions import Prediction
from cs_ml.ui.components import band_badge, facts, plain
from cs_ml.ui.formatting import UNKNOWN, ago, countdown, day, money, when, words

_HINTS = {
    "Yearly revenue": "Annual recurring revenue (ARR): what the contract brings in a year.",
    "Health": "The newest overall health score, 0 (worst) to 100 (best).",
}


def draw_band(prediction: Prediction, since: datetime | None, now: datetime, zone: tzinfo) -> None:
    """The band, and since when predictions have been saying so."""
    with st.container(horizontal=True, vertical_alignment="center"):
        band_badge(prediction.band)
        if since is not None:
            st.caption(f"since {day(since, zone)} ({ago(since, now)})", width="content")


def draw_left(event: AccountEvent, now: datetime, zone: tzinfo) -> None:
    """The account has left: everything else on the page is for the record."""
    reason = f" Reason given: {plain(event.text)}." if event.text else ""
    st.info(f"This account left on {when(event.at, now, zone)}.{reason}")


def draw_profile(context: AccountContext, zone: tzinfo) -> None:
    profile = context.profile
    if profile.customer_since is None:
        st.info("Nothing was known of this account yet on that day.")
    renewal = day(profile.renewal_date, zone)
    if profile.renewal_date:
        renewal = f"{countdown(profile.days_to_renewal)} · {renewal}"
    facts(
        {
            "Yearly revenue": money(profile.arr, profile.currency),
            "Renewal": renewal,
            "Stage": words(profile.lifecycle_stage).capitalize() if profile.lifecycle_stage else UNKNOWN,
            "Owner": profile.owner_name or UNKNOWN,
            "Health": f"{context.health[-1].overall} of 100" if context.health else UNKNOWN,
            "Customer since": day(profile.customer_since, zone),
        },
        _HINTS,
    )
