"""Stored predictions against what happened: judging them, counting them, and reading them for figures."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Integer, and_, bindparam, case, cast, func, literal, or_, select, update

from cs_ml.domain.predictions import PredictionType
from cs_ml.domain.truth.outcomes import ACCURATE_FROM, OutcomeCounts, Unjudged
from cs_ml.store.learning.predicted import PredictedRepository
from cs_ml.store.learning.shadows import ShadowRepository, shadow_windows
from cs_ml.store.learning.windows import (
    NOW,
    Windows,
    came_true,
    churned_in,
    source_of_churn,
    source_of_stay,
    stayed,
    stored_windows,
    why_unjudged,
)
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import CTA, Account, AccountFact, AccountMLPrediction, ExternalRef, ShadowPrediction

Stored = AccountMLPrediction


class JudgementRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def judge_churn(self, now: datetime, complete: datetime) -> tuple[int, int]:
        """Gives every churn prediction, superseded ones and those in the shadow too, the outcome that the facts know,
        and takes back one that they know no more. Answers how many got one and how many lost theirs, of those that
        were shown to people; a second time, none."""
        ShadowRepository(self._scope).judge(now, complete)
        params = {"now": now, "complete": complete}
        dialect = self._scope.dialect
        lost = sum(self._changed(statement, params) for statement in _withdrawals(dialect))
        judged = sum(self._changed(statement, params) for statement in _judgements(dialect))
        return judged, lost

    def counts(self, kind: PredictionType, *, replays: bool, now: datetime, complete: datetime) -> OutcomeCounts:
        """Of predictions of this type that people were shown, those of deleted accounts among them; `replays`: of those
        for instants of the past, else of the others."""
        params = {"kind": kind, "replay": replays, "now": now, "complete": complete}
        rows = self._scope.execute(_counts(self._scope.dialect, kind is PredictionType.CHURN), params).all()
        judged = [row for row in rows if row.unjudged is None]
        deleted = PredictedRepository(self._scope).deleted(kind, replays=replays)
        return OutcomeCounts(
            judged=sum(row.number for row in judged),
            churned=sum(row.churned for row in judged),
            accurate=sum(row.accurate for row in judged),
            unjudged={
                **{Unjudged(row.unjudged): row.number for row in rows if row.unjudged is not None},
                **({Unjudged.DELETED: deleted} if deleted else {}),
            },
        )

    def windows(self, kind: PredictionType, *, replays: bool) -> Sequence[int]:
        """The lengths in days of the windows of judged predictions, the most frequent first."""
        rows = self._scope.execute(_lengths(), {"kind": kind, "replay": replays})
        return [row.prediction_window for row in rows]

    def version(self) -> str:
        """Changes whenever the judged predictions may have."""
        row = self._scope.execute(_version()).one()
        shadows = ShadowRepository(self._scope).counts()
        return f"{row.number} {row.newest} {row.judged} {row.left} {shadows}"

    def judged(self, kind: PredictionType, window_days: int, *, replays: bool, now: datetime) -> Sequence[Any]:
        """Rows of judged predictions of this window whose whole time has passed, in order of account, engine and date;
        of one instant the newest is the first. Those of accounts that left early stay out until then. Without `replays`
        also those in the shadow."""
        params = {"kind": kind, "window": window_days, "replay": replays, "now": now}
        params["matured"] = now - timedelta(days=window_days)
        rows = self._scope.execute(_judged(self._scope.dialect), params).all()
        if replays:
            return rows
        shadows = self._scope.execute(_judged_shadows(self._scope.dialect), params).all()
        return sorted([*rows, *shadows], key=_order) if shadows else rows

    def names(self, account_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
        """The name, and the reference or else the id, of each account."""
        rows = self._scope.execute(_names(), {"ids": list(account_ids)})
        return {row.id: (row.name, row.reference or str(row.id)) for row in rows}

    def _changed(self, statement: Any, params: dict[str, Any]) -> int:
        result: Any = self._scope.execute(statement.values(updated_at=params["now"]), params)
        return int(result.rowcount)


def _ours(kind: Any) -> Any:
    return (Stored.prediction_type == kind) & Stored.engine.is_not(None)


def _of_origin() -> Any:
    replay = Stored.origin == "replay"
    return or_(and_(bindparam("replay"), replay), and_(~bindparam("replay"), ~replay))


def _status(value: str) -> Any:
    return literal(value, Stored.status.type)


@cache
def _withdrawals(dialect: str) -> Sequence[Any]:
    windows = stored_windows(dialect)
    nothing = {"actual_outcome": None, "validated_at": None, "was_accurate": None, "outcome_source": None}
    status = case((Stored.status == "VALIDATED", _status("EXPIRED")), else_=Stored.status)
    wrong = (
        and_(Stored.actual_outcome.is_(True), ~came_true(windows)),
        and_(Stored.actual_outcome.is_(False), ~func.coalesce(stayed(windows), False)),
    )
    return [update(Stored).where(_ours("CHURN"), found).values(**nothing, status=status) for found in wrong]


@cache
def _judgements(dialect: str) -> Sequence[Any]:
    windows = stored_windows(dialect)
    return [
        _judgement(came_true(windows), True, source_of_churn(windows)),
        _judgement(stayed(windows), False, source_of_stay(windows)),
    ]


def _judgement(known: Any, churned: bool, source: Any) -> Any:
    """A prediction that is still in force stays so."""
    now: Any = bindparam("now")
    over = or_(Stored.status == "EXPIRED", Stored.valid_until <= now)
    return (
        update(Stored)
        .where(_ours("CHURN"), Stored.actual_outcome.is_(None), known)
        .values(
            actual_outcome=churned,
            validated_at=now,
            was_accurate=(Stored.probability >= ACCURATE_FROM) == churned,
            outcome_source=source,
            status=case((over, _status("VALIDATED")), else_=Stored.status),
        )
    )


@cache
def _counts(dialect: str, churn: bool) -> AnySelect:
    windows = stored_windows(dialect)
    why = (
        why_unjudged(windows)
        if churn
        else case((windows.end > NOW, Unjudged.OPEN.value), else_=Unjudged.NO_SCORE.value)
    )
    unjudged = case((Stored.actual_outcome.is_(None), why)).label("unjudged")
    return (
        select(
            unjudged,
            func.count(Stored.id).label("number"),
            func.sum(cast(Stored.actual_outcome, Integer)).label("churned"),
            func.sum(cast(Stored.was_accurate, Integer)).label("accurate"),
        )
        .where(_ours(bindparam("kind")), _of_origin())
        .group_by(unjudged)
    )


@cache
def _lengths() -> AnySelect:
    return (
        select(Stored.prediction_window, func.count(Stored.id).label("number"))
        .where(_ours(bindparam("kind")), _of_origin(), Stored.actual_outcome.is_not(None))
        .group_by(Stored.prediction_window)
        .order_by(func.count(Stored.id).desc(), Stored.prediction_window)
    )


@cache
def _version() -> AnySelect:
    return select(
        func.count(Stored.id).label("number"),
        func.max(Stored.updated_at).label("newest"),
        func.count(Stored.actual_outcome).label("judged"),
        func.sum(cast(Stored.actual_outcome, Integer)).label("left"),
    )


@cache
def _judged(dialect: str) -> AnySelect:
    chosen = _matured(Stored, stored_windows(dialect)).where(_ours(bindparam("kind")), _of_origin())
    return chosen.order_by(Stored.account_id, Stored.engine, Stored.predicted_at, Stored.id.desc())


@cache
def _judged_shadows(dialect: str) -> AnySelect:
    return _matured(ShadowPrediction, shadow_windows(dialect))


def _order(row: Any) -> tuple[int, str, datetime, int]:
    return row.account_id, row.engine, row.predicted_at, -row.id


def _matured(entity: Any, windows: Windows) -> AnySelect:
    return select(
        entity.id,
        entity.account_id,
        entity.engine,
        entity.engine_version,
        entity.llm_model,
        entity.prompt_version,
        entity.predicted_at,
        entity.probability,
        entity.actual_outcome,
        entity.outcome_source,
        churned_in(windows).label("churned_at"),
        _is_treated(windows).label("treated"),
        _arr(windows).label("arr"),
        _timeless("currency", windows).label("currency"),
        _timeless("segment", windows).label("segment"),
    ).where(
        entity.prediction_window == bindparam("window"),
        entity.actual_outcome.is_not(None),
        entity.predicted_at <= bindparam("matured"),
    )


def _is_treated(windows: Windows) -> Any:
    """Whether somebody worked on the account because of it or beside it: a CTA was opened or done within the window."""

    def within(at: Any) -> Any:
        return and_(at > windows.start, at <= windows.end, at <= bindparam("now"))

    worked = or_(within(CTA.created_at), within(CTA.completed_at))
    return (
        select(literal(1))
        .select_from(CTA)
        .where(CTA.account_id == windows.account, CTA.status != "CANCELLED", worked)
        .correlate(windows.entity)
        .exists()
    )


def _arr(windows: Windows) -> Any:
    """As known at the prediction: the newest change, or listing that names one."""
    fact = AccountFact
    says_something = (fact.kind == "changed") | ((fact.kind == "listed") & fact.arr.is_not(None))
    return _newest(windows, fact.arr, says_something, fact.valid_from <= windows.start)


def _timeless(name: str, windows: Windows) -> Any:
    return _newest(windows, getattr(AccountFact, name), AccountFact.kind == "timeless")


def _newest(windows: Windows, value: Any, *conditions: Any) -> Any:
    fact = AccountFact
    return (
        select(value)
        .where(fact.account_id == windows.account, *conditions)
        .order_by(fact.valid_from.desc(), fact.kind)
        .limit(1)
        .correlate(windows.entity)
        .scalar_subquery()
    )


@cache
def _names() -> AnySelect:
    reference = (
        select(func.min(ExternalRef.ref))
        .where(ExternalRef.kind == "account", ExternalRef.target_id == Account.id)
        .correlate(Account)
        .scalar_subquery()
    )
    return select(Account.id, Account.name, reference.label("reference")).where(
        Account.id.in_(bindparam("ids", expanding=True))
    )
