"""The dated rows of one account as people look at them: four statements whatever the length of its history."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any

from sqlalchemy import CompoundSelect, bindparam, case, literal, null, select, union_all
from sqlalchemy import Text as SqlText

from cs_ml.domain.context import DIMENSIONS
from cs_ml.domain.health.timeline import AccountEvent, EventKind, HealthReading, PastPrediction
from cs_ml.domain.policy import RiskBand
from cs_ml.store.accounts import not_found
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import CTA, Account, AccountFact, AccountHealthScoreHistory, AccountMLPrediction, ChurnEvent

_MOST_PREDICTIONS = 500  # newest first; refreshed daily, that is more than a year
_CONTRACT = ("arr", "plan", "seats", "renewal_date", "lifecycle_stage")


class TimelineRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def health(self, account_id: int, since: datetime, until: datetime) -> Sequence[HealthReading]:
        """In (since, until], oldest first."""
        rows = self._scope.execute(_health(), {"account": account_id, "since": since, "until": until})
        return [_reading(row) for row in rows]

    def events(self, account_id: int, since: datetime, until: datetime) -> Sequence[AccountEvent]:
        """In (since, until], in no order. Raises NotFound."""
        params = {"account": account_id, "until": until}
        facts = self._scope.execute(_facts(), params).all()
        if not facts:
            raise not_found()
        happened = [
            AccountEvent(at=row.at, kind=EventKind(row.kind), text=row.text or "")
            for row in self._scope.execute(_happened(), params)
        ]
        return [event for event in [*happened, *_changes(facts)] if since < event.at <= until]

    def newest_churn(self, account_id: int, until: datetime) -> AccountEvent | None:
        row = self._scope.execute(_newest_churn(), {"account": account_id, "until": until}).first()
        return AccountEvent(at=row.churned_at, kind=EventKind.CHURN, text=row.reason or "") if row else None

    def predictions(self, account_id: int, until: datetime) -> Sequence[PastPrediction]:
        """Churn predictions made, or replayed for an instant, not after `until`; oldest first."""
        rows = self._scope.execute(_predictions(), {"account": account_id, "until": until}).all()
        return [_past(row) for row in reversed(rows)]


def _reading(row: Any) -> HealthReading:
    scores = {name: row._mapping[name] for name in DIMENSIONS if row._mapping[name] is not None}
    return HealthReading(at=row.at, scores=scores)


def _past(row: Any) -> PastPrediction:
    return PastPrediction(
        at=row.predicted_at,
        probability=row.probability,
        base_rate=row.base_rate,
        band=RiskBand(row.category),
        engine=row.engine,
        origin=row.origin,
        window_days=row.prediction_window,
        fallback_reason=row.fallback_reason,
        churned=row.actual_outcome,
    )


def _changes(facts: Sequence[Any]) -> list[AccountEvent]:
    """What differs between one dated contract row and the next; the first one is no change."""
    dated = [fact for fact in facts if fact.valid_from is not None]
    events = []
    for before, after in pairwise(dated):
        changes = [
            f"{name.replace('_', ' ')} {_shown(old)} → {_shown(new)}"
            for name in _CONTRACT
            if (old := getattr(before, name)) != (new := getattr(after, name))
        ]
        if changes:
            text = "; ".join(changes).replace("arr ", "ARR ", 1)
            events.append(AccountEvent(at=after.valid_from, kind=EventKind.CONTRACT, text=text))
    return events


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, datetime):
        return value.date().isoformat()
    return str(value) if isinstance(value, str) else f"{value:,.0f}"


@cache
def _health() -> AnySelect:
    point = AccountHealthScoreHistory
    return (
        select(
            point.calculated_at.label("at"),
            *(getattr(point, f"{name}_score").label(name) for name in DIMENSIONS),
        )
        .where(
            point.account_id == bindparam("account"),
            point.calculated_at > bindparam("since"),
            point.calculated_at <= bindparam("until"),
        )
        .order_by(point.calculated_at, point.id)
    )


@cache
def _facts() -> AnySelect:
    """One row at least where the account exists for the actor."""
    dated = (
        (AccountFact.account_id == Account.id)
        & (AccountFact.kind == "changed")
        & (AccountFact.valid_from <= bindparam("until"))
    )
    columns = [getattr(AccountFact, name) for name in _CONTRACT]
    return (
        select(Account.id, AccountFact.valid_from, *columns)
        .select_from(Account)
        .outerjoin(AccountFact, dated)
        .where(Account.id == bindparam("account"))
        .order_by(AccountFact.valid_from)
    )


@cache
def _happened() -> CompoundSelect[*tuple[Any, ...]]:
    ended = case(
        (CTA.completed_at.is_not(None), CTA.completed_at), (CTA.status == "CANCELLED", CTA.updated_at), else_=null()
    )
    of_account = CTA.account_id == bindparam("account")
    opened = select(
        literal(EventKind.CTA_OPENED.value, SqlText).label("kind"),
        CTA.created_at.label("at"),
        CTA.title.label("text"),
    ).where(of_account, CTA.created_at <= bindparam("until"))
    closed = select(literal(EventKind.CTA_CLOSED.value, SqlText), ended, CTA.title).where(
        of_account, ended <= bindparam("until")
    )
    churned = select(literal(EventKind.CHURN.value, SqlText), ChurnEvent.churned_at, ChurnEvent.reason).where(
        ChurnEvent.account_id == bindparam("account"), ChurnEvent.churned_at <= bindparam("until")
    )
    return union_all(opened, closed, churned)


@cache
def _newest_churn() -> AnySelect:
    return (
        select(ChurnEvent.churned_at, ChurnEvent.reason)
        .where(ChurnEvent.account_id == bindparam("account"), ChurnEvent.churned_at <= bindparam("until"))
        .order_by(ChurnEvent.churned_at.desc())
        .limit(1)
    )


@cache
def _predictions() -> AnySelect:
    stored = AccountMLPrediction
    return (
        select(
            stored.predicted_at,
            stored.probability,
            stored.base_rate,
            stored.category,
            stored.engine,
            stored.origin,
            stored.prediction_window,
            stored.fallback_reason,
            stored.actual_outcome,
        )
        .where(
            stored.account_id == bindparam("account"),
            stored.prediction_type == "CHURN",
            stored.category.is_not(None),
            stored.predicted_at <= bindparam("until"),
        )
        .order_by(stored.predicted_at.desc(), stored.id.desc())
        .limit(_MOST_PREDICTIONS)
    )
