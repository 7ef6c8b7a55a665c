"""What held on a day that was pointed at in the chart."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, tzinfo
from typing import Any

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import DIMENSIONS
from cs_ml.ui.components import facts, text
from cs_ml.ui.formatting import UNKNOWN, countdown, day, money
from cs_ml.ui.runtime import services

_END = time(23, 59, 59, 999000)


def day_pointed_at(event: Any, until: datetime) -> datetime | None:
    """The end of the day (UTC) of the chosen point; None where none is chosen, or it lies ahead."""
    selection = event.get("selection", {}) if isinstance(event, Mapping) else {}
    chosen = selection.get("points") or []
    try:
        at = datetime.combine(datetime.fromisoformat(str(chosen[0]["x"])).date(), _END, UTC)
    except (IndexError, KeyError, ValueError):
        return None
    return min(at, until) if at.date() <= until.astimezone(UTC).date() else None


def draw_held(actor: Actor, account_id: int, at: datetime, zone: tzinfo) -> None:
    context = services().context.gather_context(actor, account_id, at)
    profile = context.profile
    st.markdown(f"**What held on {day(at, UTC)}**")
    newest = context.health[-1] if context.health else None
    scores = {} if newest is None else {name: getattr(newest, name) for name in DIMENSIONS}
    held = {name.capitalize(): f"{score} of 100" for name, score in scores.items() if score is not None}
    facts(
        held
        | {
            "Scores of": day(newest.at, zone) if newest else UNKNOWN,
            "Yearly revenue": money(profile.arr, profile.currency),
            "Renewal": countdown(profile.days_to_renewal),
            "Activity in 30 days": str(len(context.activities)),
            "Open calls to action": str(len(context.ctas)),
        }
    )
    if context.ctas:
        text("\n".join(f"{cta.title}, open since {day(cta.created_at, zone)}" for cta in context.ctas))
    st.caption("Choose the day under “See everything as known at the end of” above to see the whole account then.")
