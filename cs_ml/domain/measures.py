"""The metrics of a context, and how complete it is."""

from collections.abc import Sequence

from cs_ml.domain.context import (
    ACTIVITY_DAYS,
    BASELINE_DAYS,
    AccountProfile,
    ActivityFact,
    ActivityHistory,
    Completeness,
    HealthPoint,
    Metric,
)

MIN_HISTORY_DAYS = 30

# What a missing part takes off the completeness; they add up to 1.
_HEALTH, _ACTIVITY, _RENEWAL, _ARR = 0.4, 0.4, 0.1, 0.1


def metrics(
    activities: Sequence[ActivityFact], history: ActivityHistory, days_since_last: float | None
) -> list[Metric]:
    """M1 to M6: recency, volume in ACTIVITY_DAYS against the BASELINE_DAYS before, and sentiment."""
    felt = [a.sentiment for a in activities if a.sentiment]
    usual = history.baseline * ACTIVITY_DAYS / BASELINE_DAYS
    known = history.count > 0
    count = float(len(activities)) if known else None
    rows: list[tuple[str, str, float | None, str]] = [
        ("days_since_last_activity", "Days since the last activity", days_since_last, "days"),
        ("activities_30d", f"Activities in {ACTIVITY_DAYS} days", count, "count"),
        ("meetings_30d", f"Meetings in {ACTIVITY_DAYS} days", _of_type(activities, "MEETING", known=known), "count"),
        ("emails_30d", f"E-mails in {ACTIVITY_DAYS} days", _of_type(activities, "EMAIL", known=known), "count"),
        ("activity_change", "Activity against the 60 days before", _change(count, usual), "ratio"),
        (
            "negative_sentiment_share",
            "Share of negative sentiment",
            felt.count("NEGATIVE") / len(felt) if felt else None,
            "share",
        ),
    ]
    return [
        Metric(id=f"M{number}", name=name, label=label, value=value, unit=unit)  # type: ignore[arg-type]
        for number, (name, label, value, unit) in enumerate(rows, start=1)
    ]


def _of_type(activities: Sequence[ActivityFact], kind: str, *, known: bool) -> float | None:
    return float(sum(a.type == kind for a in activities)) if known else None


def _change(count: float | None, usual: float) -> float | None:
    """-1 (nothing left) upwards; None where there was nothing to compare with."""
    return count / usual - 1 if count is not None and usual > 0 else None


def completeness(profile: AccountProfile, health: Sequence[HealthPoint], history: ActivityHistory) -> Completeness:
    """1 is everything that an engine can use; each gap is said in a sentence."""
    score, missing = 1.0, []
    span = (health[-1].at - health[0].at).days + 1 if health else 0
    if not health:
        missing.append("No health scores in the last 90 days.")
    elif span < MIN_HISTORY_DAYS:
        missing.append(f"Health scores of only {span} of at least {MIN_HISTORY_DAYS} days.")
    score -= _HEALTH * (1 - min(span / MIN_HISTORY_DAYS, 1.0))
    if history.first_at is None or history.last_at is None:
        missing.append("No activity was ever recorded.")
        score -= _ACTIVITY
    elif (days := (history.last_at - history.first_at).days + 1) < MIN_HISTORY_DAYS:
        missing.append(f"Activity of only {days} of at least {MIN_HISTORY_DAYS} days.")
        score -= _ACTIVITY / 2
    if profile.renewal_date is None:
        missing.append("No renewal date.")
        score -= _RENEWAL
    if profile.arr is None:
        missing.append("No annual revenue (ARR).")
        score -= _ARR
    return Completeness(score=round(max(score, 0.0), 2), missing=tuple(missing))
