"""Cited facts of a context as sentences, copied by value into the prediction."""

from collections.abc import Collection, Iterator

from cs_ml.domain.context import AccountContext, ActivityFact, Metric
from cs_ml.domain.predictions import Evidence


def evidence_of(context: AccountContext, ids: Collection[str]) -> list[Evidence]:
    """The facts with these ids, in the order of the context; unknown ids are left out."""
    return [fact for fact in all_evidence(context) if fact.id in ids]


def all_evidence(context: AccountContext) -> Iterator[Evidence]:
    """Every fact of the context that can be cited."""
    for metric in context.metrics:
        yield Evidence(id=metric.id, kind="metric", at=context.as_of, text=f"{metric.label}: {_metric(metric)}")
    for point in context.health:
        yield Evidence(id=point.id, kind="health", at=point.at, text=f"Health {point.overall} of 100")
    for activity in context.activities:
        yield Evidence(id=activity.id, kind="activity", at=activity.at, text=_activity(activity))
    for cta in context.ctas:
        late = f", {cta.overdue_days} days overdue" if cta.overdue_days else ""
        yield Evidence(id=cta.id, kind="cta", at=cta.created_at, text=f"Open call to action: {cta.title}{late}")
    for deal in context.opportunities:
        at = deal.closed_at or deal.created_at
        yield Evidence(id=deal.id, kind="opportunity", at=at, text=f"Deal {deal.name}: {deal.status.lower()}")


def _metric(metric: Metric) -> str:
    if metric.value is None:
        return "unknown"
    if metric.unit == "share":
        return f"{metric.value:.0%}"
    return f"{metric.value:+.0%}" if metric.unit == "ratio" else f"{metric.value:g}"


def _activity(activity: ActivityFact) -> str:
    kind = (activity.source_type or activity.type).replace("_", " ").lower()
    mood = f", {activity.sentiment.lower()}" if activity.sentiment else ""
    return f"{kind}: {activity.subject or 'no subject'}{mood}"
