"""What changed between two days, and why: parts that add up to the change."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

import streamlit as st

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.domain.health.changes import Change
from cs_ml.ui.charts.changes import change_figure
from cs_ml.ui.components import error_state, table
from cs_ml.ui.formatting import day, points
from cs_ml.ui.runtime import services
from cs_ml.ui.state import Key

_USUAL_DAYS = 30
_END = time(23, 59, 59, 999000)


def draw_changed(actor: Actor, account_id: int, until: datetime, zone: tzinfo) -> None:
    """`until`: the day beyond which nothing is known."""
    last = until.astimezone(UTC).date()
    with st.container(horizontal=True, gap="medium"):
        since_day = _ask("From the end of", last - timedelta(days=_USUAL_DAYS), last, Key.CHANGED_FROM)
        until_day = _ask("To the end of", last, last, Key.CHANGED_TO)
    try:
        found = services().explanations.explain(
            actor, account_id, datetime.combine(since_day, _END, UTC), datetime.combine(until_day, _END, UTC)
        )
    except Invalid as error:
        error_state(error)
        return
    st.subheader("Health score", anchor=False)
    if found.health:
        if found.derived:
            st.caption("These scores are derived from activity: your CRM sends none.")
        _draw_change(found.health, zone, key="health-change", more_is_worse=False)
    else:
        st.caption(found.no_health)
    st.subheader(f"Chance of leaving within {found.window_days} days, in %", anchor=False)
    _draw_change(found.churn, zone, key="churn-change", more_is_worse=True)


def _ask(label: str, value: date, last: date, key: Key) -> date:
    return st.date_input(label, value=value, max_value=last, key=key, width=180)


def _draw_change(change: Change, zone: tzinfo, *, key: str, more_is_worse: bool) -> None:
    total = points(float(change.points), digits=1)
    st.markdown(
        f"From **{change.before}** ({day(change.before_at, zone)}) to **{change.after}** "
        f"({day(change.after_at, zone)}): **{total}**."
    )
    chart, numbers = st.columns([3, 2], gap="medium")
    chart.plotly_chart(
        change_figure(change, more_is_worse=more_is_worse),
        config={"displayModeBar": False},
        alt=f"{len(change.parts)} parts that add up to {total}; the table has the same figures.",
        key=key,
    )
    rows: list[dict[str, object]] = [
        {
            "Part": part.label,
            "Points": float(part.points),
            "Before": None if part.before is None else float(part.before),
            "After": None if part.after is None else float(part.after),
        }
        for part in change.parts
    ]
    together = {"Part": "Together", "Points": float(change.points), "Before": None, "After": None}
    with numbers:
        table([*rows, together], alt="The parts of the change, in points", key=f"{key}-rows")
    st.caption(change.note)
