"""What is known of the account, part by part, exactly as a prediction receives it."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import streamlit as st

from cs_ml.domain.context import ACTIVITY_DAYS, HEALTH_DAYS, AccountContext, Metric
from cs_ml.ui.components import facts, table
from cs_ml.ui.formatting import UNKNOWN, ago, count, countdown, day, instant, money, percent, points, words

_LONG_TEXTS = ("Subject", "Title", "Name", "Value")

Rows = list[dict[str, object]]


def draw_knowledge(context: AccountContext, zone: tzinfo) -> None:
    """Parts with their newest date and size; what is missing comes first."""
    share = context.completeness
    st.caption(
        f"As known on {instant(context.as_of, zone)}. "
        f"Complete to {percent(share.score)}: the part of what a prediction can use that is there."
    )
    if share.missing:
        st.warning("\n".join(f"- {sentence}" for sentence in share.missing))
    facts({metric.label: _metric(metric) for metric in context.metrics})
    _part("Profile", _profile(context, zone), None, context.as_of)
    health: Rows = [
        {"Id": p.id, "Date": p.at.astimezone(zone).date(), "Overall": p.overall, "Usage": p.usage}
        | {"Support": p.support, "Engagement": p.engagement, "Sentiment": p.sentiment, "Financial": p.financial}
        for p in reversed(context.health)
    ]
    _part(f"Health of {HEALTH_DAYS} days", health, _newest([p.at for p in context.health]), context.as_of)
    _part(
        f"Activities of {ACTIVITY_DAYS} days",
        _activities(context, zone),
        context.history.last_at,
        context.as_of,
    )
    _part("Open calls to action", _ctas(context, zone), _newest([c.created_at for c in context.ctas]), context.as_of)
    deals = _newest([deal.closed_at or deal.created_at for deal in context.opportunities])
    _part("Deals", _deals(context, zone), deals, context.as_of)


def _part(name: str, rows: Rows, newest: datetime | None, as_of: datetime) -> None:
    fresh = f" · newest {ago(newest, as_of)}" if newest else ""
    with st.expander(f"{name} · {count(len(rows), 'row')}{fresh}"):
        if rows:
            used = [column for column in rows[0] if any(row[column] not in (None, "") for row in rows)]
            table(
                [{column: row[column] for column in used} for row in rows],
                alt=f"{name} as a prediction receives it",
                wide=[column for column in used if column in _LONG_TEXTS],
            )
        else:
            st.caption("Nothing is known here.")


def _profile(context: AccountContext, zone: tzinfo) -> Rows:
    profile = context.profile
    before = money(profile.arr_before, profile.currency)
    values = {
        "Reference": profile.reference,
        "Type": words(profile.type) if profile.type else None,
        "Industry": profile.industry,
        "Segment": profile.segment,
        "Owner": profile.owner_name,
        "Yearly revenue (ARR)": f"{money(profile.arr, profile.currency)}, 90 days before {before}",
        "Plan": profile.plan,
        "Seats": None
        if profile.seats is None
        else f"{profile.seats}, 90 days before {profile.seats_before or UNKNOWN}",
        "Renewal": f"{day(profile.renewal_date, zone)}, {countdown(profile.days_to_renewal)}"
        if profile.renewal_date
        else None,
        "Stage": profile.lifecycle_stage,
        "Customer since": day(profile.customer_since, zone),
        **{name: str(value) for name, value in profile.custom_fields.items()},
    }
    return [{"What": name, "Value": value or UNKNOWN} for name, value in values.items()]


def _activities(context: AccountContext, zone: tzinfo) -> Rows:
    return [
        {
            "Id": activity.id,
            "Date": activity.at.astimezone(zone).date(),
            "Kind": words(activity.source_type or activity.type),
            "Direction": words(activity.direction or ""),
            "Tone": words(activity.sentiment or ""),
            "Subject": activity.subject,
            "Quantity": activity.quantity,
            "Amount": activity.amount,
        }
        for activity in reversed(context.activities)
    ]


def _ctas(context: AccountContext, zone: tzinfo) -> Rows:
    return [
        {
            "Id": cta.id,
            "Title": cta.title,
            "Kind": words(cta.type),
            "Opened": cta.created_at.astimezone(zone).date(),
            "Status": words(cta.status or UNKNOWN),
            "Priority": words(cta.priority or UNKNOWN),
            "Due": cta.due_at.astimezone(zone).date() if cta.due_at else None,
            "Days overdue": cta.overdue_days,
        }
        for cta in context.ctas
    ]


def _deals(context: AccountContext, zone: tzinfo) -> Rows:
    return [
        {
            "Id": deal.id,
            "Name": deal.name,
            "Status": words(deal.status),
            "Opened": deal.created_at.astimezone(zone).date(),
            "Closed": deal.closed_at.astimezone(zone).date() if deal.closed_at else None,
            "Stage": deal.stage,
            "Amount": money(deal.amount, deal.currency),
            "Probability, %": deal.probability,
        }
        for deal in context.opportunities
    ]


def _newest(dates: Sequence[datetime]) -> datetime | None:
    return max(dates, default=None)


def _metric(metric: Metric) -> str:
    if metric.value is None:
        return UNKNOWN
    match metric.unit:
        case "share":
            return percent(metric.value)
        case "ratio":
            return points(metric.value * 100).replace("points", "%").replace("point", "%")
        case "days":
            return count(round(metric.value), "day")
        case _:
            return f"{metric.value:g}"
