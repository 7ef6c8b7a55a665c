"""How the product does: counts over all of a tenant's predictions, calls and CTAs, and how fresh its data are."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, case, func, select

from cs_ml.domain.llm.usage import KeyFigures, Share
from cs_ml.store.accounts import NO_ENGAGEMENT, happened_at
from cs_ml.store.operations.usage import answered_at_once
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import (
    CTA,
    AccountFact,
    AccountHealthScoreHistory,
    AccountMLPrediction,
    AIUsageEvent,
    CRMActivity,
    Opportunity,
)

_RESERVED = "reserved"
_SOURCES: Mapping[str, Any] = {
    "Activities": (happened_at(), CRMActivity.status.not_in(NO_ENGAGEMENT)),
    "Health scores": (AccountHealthScoreHistory.calculated_at,),
    "Contracts": (AccountFact.valid_from,),
    "CTAs": (CTA.updated_at,),
    "Deals": (Opportunity.updated_at,),
    "Predictions": (AccountMLPrediction.predicted_at,),
}


class MonitoringRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def figures(self, since: datetime, until: datetime) -> KeyFigures:
        """Over [since, until)."""
        span = {"since": since, "until": until}
        calls = self._scope.execute(_calls(), span).one()
        made = {row.reason: row.predictions for row in self._scope.execute(_predictions(), span)}
        judged, ctas = self._scope.execute(_judged(), span).one(), self._scope.execute(_ctas(), span).one()
        answered = int(calls.answered or 0)
        return KeyFigures(
            calls=Share(part=answered, n=calls.calls),
            usual_ms=self._latency(span, int(calls.timed or 0), 0.5),
            slow_ms=self._latency(span, int(calls.timed or 0), 0.95),
            predictions=sum(made.values()),
            fallbacks={reason: number for reason, number in made.items() if reason},
            accurate=Share(part=int(judged.accurate or 0), n=judged.judged),
            completed=Share(part=int(ctas.completed or 0), n=ctas.made),
        )

    def newest(self, now: datetime) -> Mapping[str, datetime | None]:
        """By kind of data, when the newest of it was."""
        return {
            source: self._scope.execute(select(func.max(at)).where(at <= now, *conditions)).scalar()
            for source, (at, *conditions) in _SOURCES.items()
        }

    def _latency(self, span: Mapping[str, datetime], timed: int, share: float) -> int | None:
        """What this share of the calls that were answered at once took at most, by counting from the quickest."""
        if not timed:
            return None
        params = {**span, "before": min(int(timed * share), timed - 1)}
        return self._scope.execute(_nth_latency(), params).scalar()


def _inside(at: Any) -> Any:
    return and_(at >= bindparam("since"), at < bindparam("until"))


@cache
def _calls() -> AnySelect:
    event = AIUsageEvent

    def count(*conditions: Any) -> Any:
        return func.sum(case((and_(*conditions), 1), else_=0))

    return select(
        func.count(event.id).label("calls"),
        count(event.success.is_(True)).label("answered"),
        count(event.success.is_(True), answered_at_once()).label("timed"),
    ).where(_inside(event.created_at), func.coalesce(event.error_type, "") != _RESERVED)


@cache
def _nth_latency() -> AnySelect:
    event = AIUsageEvent
    return (
        select(event.latency_ms)
        .where(_inside(event.created_at), event.success.is_(True), answered_at_once())
        .order_by(event.latency_ms)
        .offset(bindparam("before"))
        .limit(1)
    )


@cache
def _predictions() -> AnySelect:
    stored = AccountMLPrediction
    return (
        select(stored.fallback_reason.label("reason"), func.count(stored.id).label("predictions"))
        .where(_inside(stored.predicted_at), stored.engine.is_not(None), stored.origin != "replay")
        .group_by(stored.fallback_reason)
    )


@cache
def _judged() -> AnySelect:
    stored = AccountMLPrediction
    right = case((stored.was_accurate.is_(True), 1), else_=0)
    return select(func.count(stored.id).label("judged"), func.sum(right).label("accurate")).where(
        _inside(stored.validated_at), stored.was_accurate.is_not(None), stored.origin != "replay"
    )


@cache
def _ctas() -> AnySelect:
    done = case((CTA.status == "COMPLETED", 1), else_=0)
    return select(func.count(CTA.id).label("made"), func.sum(done).label("completed")).where(
        _inside(CTA.created_at), CTA.trigger_rule.like("ML%")
    )
