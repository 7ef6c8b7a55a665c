"""Dated quantiles of a tenant: stored ones, and the per-account figures that they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Integer, bindparam, case, cast, func, select

from cs_ml.domain.context import TenantReference
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.store.accounts import NO_ENGAGEMENT, day_of, happened_at
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import AccountFact, AccountHealthScoreHistory, CRMActivity, JudgedOutcome
from cs_ml.store.tables import TenantReference as ReferenceRow

YEAR = 365
QUARTER = 91


@dataclass(frozen=True, slots=True)
class ReferenceFigures:
    """`rhythms`, per account with activity in the YEAR: (usual gap in days or None, activities in QUARTER, in YEAR)."""

    observed_until: datetime | None
    rhythms: Sequence[tuple[float | None, int, int]]
    arr: Sequence[float]
    judged: int
    churned: int


class ReferenceRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find(self, as_of: datetime) -> TenantReference | None:
        value = self._scope.execute(_stored(), {"as_of": as_of}).scalar()
        return _load(as_of, value) if value is not None else None

    def save(self, reference: TenantReference, now: datetime) -> None:
        row = {"asOf": reference.as_of, "quantiles": _dump(reference), "createdAt": now}
        self._scope.upsert(ReferenceRow, row, key=("tenantId", "asOf"))

    def newest_fact(self, as_of: datetime) -> datetime | None:
        """When the newest activity or health score of the tenant not after `as_of` was."""
        newest = (
            self._scope.execute(query, {"as_of": as_of}).scalar() for query in (_newest_activity(), _newest_health())
        )
        return max((at for at in newest if at), default=None)

    def figures(self, as_of: datetime) -> ReferenceFigures:
        """What a reference at `as_of` is made of, from rows not after it; aggregated per account in SQL."""
        params = {
            "as_of": as_of,
            "quarter": as_of - timedelta(days=QUARTER),
            "year": as_of - timedelta(days=YEAR),
            "window": DEFAULT_WINDOW_DAYS,
            "matured": as_of - timedelta(days=DEFAULT_WINDOW_DAYS),
        }
        totals = self._scope.execute(_rhythms(self._scope.dialect), params).all()
        health = self._scope.execute(_newest_health(), params).scalar()
        newest = [row.last_at for row in totals] + ([health] if health else [])
        outcome = self._scope.execute(_outcomes(), params).one()
        arr = {row.account_id: row.arr for row in self._scope.execute(_arr(), params)}
        return ReferenceFigures(
            observed_until=max(newest, default=None),
            rhythms=[(_gap(row), row.quarter, row.year) for row in totals if row.year],
            arr=[float(value) for value in arr.values() if value is not None],
            judged=outcome.judged,
            churned=outcome.churned or 0,
        )


def _gap(row: Any) -> float | None:
    if row.days < 2:
        return None
    return float((row.last_at.date() - row.first_at.date()).days / (row.days - 1))


@cache
def _stored() -> AnySelect:
    return select(ReferenceRow.quantiles).where(ReferenceRow.as_of == bindparam("as_of"))


@cache
def _rhythms(dialect: str) -> AnySelect:
    at = happened_at()
    return (
        select(
            CRMActivity.account_id,
            func.min(at).label("first_at"),
            func.max(at).label("last_at"),
            func.count(day_of(at, dialect).distinct()).label("days"),
            func.sum(case((at > bindparam("quarter"), 1), else_=0)).label("quarter"),
            func.sum(case((at > bindparam("year"), 1), else_=0)).label("year"),
        )
        .where(CRMActivity.account_id.is_not(None), at <= bindparam("as_of"), CRMActivity.status.not_in(NO_ENGAGEMENT))
        .group_by(CRMActivity.account_id)
    )


@cache
def _newest_activity() -> AnySelect:
    at = happened_at()
    return select(func.max(at)).where(at <= bindparam("as_of"), CRMActivity.status.not_in(NO_ENGAGEMENT))


@cache
def _newest_health() -> AnySelect:
    point = AccountHealthScoreHistory.calculated_at
    return select(func.max(point)).where(point <= bindparam("as_of"))


@cache
def _arr() -> AnySelect:
    """Changes and listings that name an ARR, in order; the last one of an account holds."""
    says_something = (AccountFact.kind == "changed") | ((AccountFact.kind == "listed") & AccountFact.arr.is_not(None))
    return (
        select(AccountFact.account_id, AccountFact.arr)
        .where(AccountFact.valid_from <= bindparam("as_of"), says_something)
        .order_by(AccountFact.valid_from, AccountFact.kind.desc())
    )


@cache
def _outcomes() -> AnySelect:
    return select(func.count().label("judged"), func.sum(cast(JudgedOutcome.churned, Integer)).label("churned")).where(
        JudgedOutcome.window_days == bindparam("window"), JudgedOutcome.as_of <= bindparam("matured")
    )


def _dump(reference: TenantReference) -> dict[str, Any]:
    until = reference.observed_until
    return {
        "observedUntil": until.isoformat() if until else None,
        "accounts": reference.accounts,
        "usualGapDays": reference.usual_gap_days,
        "deciles": {name: list(values) for name, values in reference.deciles.items()},
        "baseRate": reference.base_rate,
        "judged": reference.judged,
    }


def _load(as_of: datetime, value: dict[str, Any]) -> TenantReference:
    until = value["observedUntil"]
    return TenantReference(
        as_of=as_of,
        observed_until=datetime.fromisoformat(until) if until else None,
        accounts=value["accounts"],
        usual_gap_days=value["usualGapDays"],
        deciles=value["deciles"],
        base_rate=value["baseRate"],
        judged=value["judged"],
    )
