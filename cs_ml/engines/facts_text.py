"""A context as compact lines for a model: an allow-list of structured fields, ids in front, no label twice.

Days are told as distances from `as_of`. Health older than THIN_AFTER_DAYS is one point a week, told by its overall
score alone; what the scorecard knows of the whole history stands among the metrics, so nothing that it judges by is
lost. Every word that comes from a customer's data goes through the redaction; free text only where the tenant opted in.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, groupby

from cs_ml.domain.context import DIMENSIONS, AccountContext, ActivityFact, HealthPoint, Metric, TenantReference
from cs_ml.domain.predictions import Evidence
from cs_ml.engines.features import HORIZON_DAYS, Quantity, quantities
from cs_ml.llm.redaction.placeholders import Redaction

THIN_AFTER_DAYS = 30
MOST_ACTIVITIES = 40
BRIEFLY = 3  # activities, open tasks and deals, where the whole was too long for the model
# Told one by one in their own lines.
_LISTED = frozenset({"overdue_ctas", "open_risk_ctas", "lost_opportunities"})
_COUNTED = frozenset({"meetings_30d", "emails_30d"})
# Quantities that say all that a metric says, and more: they stand under its id.
_INSTEAD = {"no_contact_ahead": "days_since_last_activity", "negative_share": "negative_sentiment_share"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is sent of a context. `parts`: name -> lines; `metrics`: the computed ones, which only this text knows.

    `ids`: everything that can be cited.
    """

    parts: Mapping[str, str]
    metrics: Sequence[Evidence]
    ids: frozenset[str]

    @property
    def text(self) -> str:
        return "\n".join(part for part in self.parts.values() if part)


def facts_of(
    context: AccountContext,
    reference: TenantReference,
    words: Redaction,
    *,
    free_text: bool,
    brief: bool = False,
) -> Facts:
    """`brief`: the newest of each kind beside the metrics, which say what the whole history says."""
    metrics = _computed(context, reference)
    told = {fact.id for fact in metrics}
    known = [
        metric
        for metric in context.metrics
        if metric.id not in told and (metric.value is None or metric.name not in _COUNTED)
    ]
    listed = _newest(context) if brief else context
    health = thinned(listed.health, context.as_of)
    activities = listed.activities[-MOST_ACTIVITIES:]
    parts = {
        "profile": _profile(context, words),
        "metrics": "\n".join([*_metrics(known), *(f"{fact.id} {fact.text}" for fact in metrics)]),
        "health": "\n".join(_health(health, context.as_of)),
        "activities": "\n".join(_activities(context, activities, words, free_text=free_text)),
        "work": "\n".join(_work(listed, words, free_text=free_text)),
        "missing": "\n".join(f"Missing: {gap}" for gap in context.completeness.missing),
    }
    ids = [*(fact.id for fact in known), *(fact.id for fact in metrics), *(point.id for point in health)]
    ids += [*(fact.id for fact in activities), *(cta.id for cta in listed.ctas)]
    ids += [deal.id for deal in listed.opportunities]
    return Facts(parts=parts, metrics=metrics, ids=frozenset(ids))


def _newest(context: AccountContext) -> AccountContext:
    return replace(
        context,
        health=context.health[-1:],
        activities=context.activities[-BRIEFLY:],
        ctas=sorted(context.ctas, key=lambda cta: cta.created_at)[-BRIEFLY:],
        opportunities=sorted(context.opportunities, key=lambda deal: deal.created_at)[-BRIEFLY:],
    )


def _profile(context: AccountContext, words: Redaction) -> str:
    profile = context.profile
    currency = words.value(profile.currency) if profile.currency else ""
    texts = {
        "segment": profile.segment,
        "industry": profile.industry,
        "plan": profile.plan,
        "stage": profile.lifecycle_stage,
    }
    numbers = {
        "ARR": None if profile.arr is None else f"{profile.arr:.0f} {currency}".rstrip(),
        "seats": profile.seats,
        "customer for days": profile.age_days,
    }
    known = {name: words.value(text) for name, text in texts.items() if text} | numbers
    return f"{words.account} " + "; ".join(f"{name} {value}" for name, value in known.items() if value is not None)


def _metrics(metrics: Sequence[Metric]) -> Iterator[str]:
    for metric in metrics:
        if metric.value is None:
            value = "?"
        else:
            value = f"{metric.value:+.0%}" if metric.unit == "ratio" else f"{metric.value:g}"
        yield f"{metric.id} {metric.label}: {value}"


def _computed(context: AccountContext, reference: TenantReference) -> list[Evidence]:
    """What the scorecard judges by, and the long-run sums behind it, as metrics of their own."""
    known = {name: quantity for name, quantity in quantities(context, reference).items() if quantity.value is not None}
    told = {91, 365} if {"rank_activities_91", "rank_activities_365"} <= set(known) else set()
    texts = [(name, _quantity(name, quantity)) for name, quantity in known.items() if name not in _LISTED]
    texts += [("sums", text) for text in _sums(context, told)]
    numbers = count(len(context.metrics) + 1)
    return [
        Evidence(
            id=context.metric(_INSTEAD[name]).id if name in _INSTEAD else f"M{next(numbers)}",
            kind="metric",
            at=context.as_of,
            text=text,
        )
        for name, text in texts
    ]


def _quantity(name: str, quantity: Quantity) -> str:
    if name == "no_contact_ahead":
        return f"{quantity.text}; {quantity.value:.0%} chance of silence in {HORIZON_DAYS} days"
    if name == "arr_rank":
        return f"ARR rank {quantity.value:.0%}"  # the amount stands in the profile, its currency hidden if need be
    return f"{quantity.text} (rank {quantity.value:.0%})" if "rank" in name else quantity.text


def _sums(context: AccountContext, told: Set[int]) -> Iterator[str]:
    """`told`: days of windows whose counts stand in another metric.

    Quantities only where every activity states one: sums of unlike things mean nothing.
    """
    history = context.history
    if not history.count:
        return
    counts = ", ".join(f"{window.count} in {window.days}" for window in history.windows if window.days not in told)
    yield f"activities {counts} days; {history.count} ever, on {history.active_days} days"
    if history.quantities == history.count:
        yield "quantity " + ", ".join(f"{window.quantity:g} in {window.days}" for window in history.windows) + " days"


def thinned(points: Sequence[HealthPoint], as_of: datetime) -> list[HealthPoint]:
    """Every recent point; of older weeks the last one."""
    edge = as_of - timedelta(days=THIN_AFTER_DAYS)
    older = [point for point in points if point.at <= edge]
    weeks = groupby(older, key=lambda point: (as_of - point.at).days // 7)
    return [list(week)[-1] for _, week in weeks] + [point for point in points if point.at > edge]


def _health(points: Sequence[HealthPoint], as_of: datetime) -> Iterator[str]:
    edge = as_of - timedelta(days=THIN_AFTER_DAYS)
    older = [point for point in points if point.at <= edge]
    recent = [point for point in points if point.at > edge]
    if older:
        yield "Health by week (id, day, overall): " + "; ".join(
            f"{point.id} {_day(point.at, as_of)} {point.overall}" for point in older
        )
    if recent:
        known = [name for name in DIMENSIONS if any(_score(point, name) is not None for point in recent)]
        yield f"Health (id, day, {' '.join(known)}):"
        yield from _changes(recent, known, as_of)


def _changes(points: Sequence[HealthPoint], known: Sequence[str], as_of: datetime) -> Iterator[str]:
    """Scores; "=" where one is that of the line before."""
    before: list[int | None] = []
    for point in points:
        scores = [_score(point, name) for name in known]
        same = [old == new for old, new in zip(before, scores, strict=True)] if before else [False] * len(scores)
        texts = ["=" if equal else _shown(score) for equal, score in zip(same, scores, strict=True)]
        yield f"{point.id} {_day(point.at, as_of)} {' '.join(texts)}"
        before = scores


def _score(point: HealthPoint, name: str) -> int | None:
    score: int | None = getattr(point, name)
    return score


def _shown(score: int | None) -> str:
    return "?" if score is None else str(score)


def _activities(
    context: AccountContext, listed: Sequence[ActivityFact], words: Redaction, *, free_text: bool
) -> Iterator[str]:
    """One line per kind."""
    if not listed:
        return
    yield "Activities (id, day, details):"
    kinds: dict[str, list[ActivityFact]] = {}
    for activity in listed:
        kinds.setdefault(activity.source_type or activity.type, []).append(activity)
    for kind, activities in kinds.items():
        told = (_activity(activity, context.as_of, words, free_text=free_text) for activity in activities)
        yield f"{words.value(kind.replace('_', ' ').lower())}: " + "; ".join(told)
    if len(listed) < len(context.activities):
        yield f"({len(context.activities) - len(listed)} older ones of these {THIN_AFTER_DAYS} days are not listed.)"


def _activity(activity: ActivityFact, as_of: datetime, words: Redaction, *, free_text: bool) -> str:
    told = [activity.id, _day(activity.at, as_of)]
    told += [words.value(word.lower()) for word in (activity.direction, activity.sentiment) if word]
    told += [f"{number:g}" for number in (activity.quantity, activity.amount) if number is not None]
    if free_text and activity.subject:
        told.append(f'"{words.note(activity.subject)}"')
    return " ".join(told)


def _work(context: AccountContext, words: Redaction, *, free_text: bool) -> Iterator[str]:
    for cta in context.ctas:
        late = f", {cta.overdue_days}d overdue" if cta.overdue_days else ""
        title = f' "{words.note(cta.title)}"' if free_text else ""
        yield f"{cta.id} {_day(cta.created_at, context.as_of)} open {cta.type.lower()} task{late}{title}"
    for deal in context.opportunities:
        known = (
            f"{deal.amount:.0f}" if deal.amount is not None else None,
            words.value(deal.currency) if deal.amount is not None and deal.currency else None,
            words.value(deal.stage) if deal.stage and deal.status == "OPEN" else None,
            f"{deal.probability}%" if deal.probability is not None and deal.status == "OPEN" else None,
            f'"{words.note(deal.name)}"' if free_text else None,
        )
        at = deal.closed_at or deal.created_at
        told = " ".join(text for text in known if text)
        yield f"{deal.id} {_day(at, context.as_of)} deal {deal.status.lower()} {told}".rstrip()


def _day(at: datetime, as_of: datetime) -> str:
    return f"-{(as_of - at).days}"
