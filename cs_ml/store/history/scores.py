"""Health scores of a whole tenant as columns, what they taught, and the daily facts that a derived score is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Text, bindparam, case, cast, func, select

from cs_ml.domain.context import DIMENSIONS, Dimension
from cs_ml.domain.health.reference import HealthReference
from cs_ml.store.accounts import NO_ENGAGEMENT, day_of, happened_at
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import CTA, AccountHealthScoreHistory, CRMActivity
from cs_ml.store.tables import HealthReference as ReferenceRow

_PART = 10_000  # rows of one fetch
_ENDED = ("COMPLETED", "CANCELLED")


@dataclass(slots=True)
class ScoreColumns:
    """Overall scores, in order of time."""

    accounts: list[int] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)
    scores: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactDay:
    """What happened at an account on one UTC day."""

    account_id: int
    day: date
    activities: int
    positive: int
    negative: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenIssue:
    """A risk CTA: when it was opened, and when it ended."""

    account_id: int
    opened: datetime
    ended: datetime | None


class HealthScoreRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def any_before(self, until: datetime) -> bool:
        """Whether the CRM has sent any health score of any account by `until`."""
        return self._scope.execute(_any(), {"until": until}).first() is not None

    def newest(self, until: datetime) -> datetime | None:
        """When the newest score of the tenant by `until` was measured."""
        return self._scope.execute(_newest(), {"until": until}).scalar()

    def scored(self, since: datetime, until: datetime) -> Sequence[int]:
        """Ids of the accounts with scores in (since, until]."""
        return list(self._scope.execute(_scored(), {"since": since, "until": until}).scalars())

    def active(self, since: datetime, until: datetime) -> Sequence[int]:
        """Ids of the accounts with activity in (since, until]."""
        return list(self._scope.execute(_active(), {"since": since, "until": until}).scalars())

    def columns(self, ids: Sequence[int], since: datetime, until: datetime) -> ScoreColumns:
        """Scores of these accounts in (since, until]."""
        found = ScoreColumns()
        params = {"ids": list(ids), "since": since, "until": until}
        for part in self._scope.execute(_scores(), params).partitions(_PART):
            for row in part:
                found.accounts.append(row[0])
                found.at.append(row[1])
                found.scores.append(row[2])
        return found

    def contacts(self, ids: Sequence[int], since: datetime, until: datetime) -> Sequence[ContactDay]:
        """Activity of these accounts in (since, until] by day, in order of day."""
        params = {"ids": list(ids), "since": since, "until": until}
        rows = self._scope.execute(_contacts(self._scope.dialect), params)
        return [
            ContactDay(
                account_id=row.account_id,
                day=_date(row.day),
                activities=row.activities,
                positive=row.positive,
                negative=row.negative,
            )
            for row in rows
        ]

    def weights(self, account_id: int, until: datetime) -> Mapping[Dimension, int]:
        """What each dimension weighs in the CRM's newest score by `until`; empty where it has none."""
        row = self._scope.execute(_weights(), {"account": account_id, "until": until}).first()
        return {} if row is None else {name: row._mapping[name] for name in DIMENSIONS[1:]}

    def issues(self, ids: Sequence[int], until: datetime) -> Sequence[OpenIssue]:
        """Risk CTAs of these accounts opened by `until`."""
        rows = self._scope.execute(_issues(), {"ids": list(ids), "until": until})
        return [OpenIssue(account_id=row.account_id, opened=row.opened, ended=row.ended) for row in rows]

    def find_reference(self, as_of: datetime) -> HealthReference | None:
        value = self._scope.execute(_reference(), {"as_of": as_of}).scalar()
        return _adapter().validate_python(value) if value is not None else None

    def save_reference(self, reference: HealthReference, now: datetime) -> None:
        value = _adapter().dump_python(reference, mode="json")
        row = {"asOf": reference.as_of, "movement": value, "createdAt": now}
        self._scope.upsert(ReferenceRow, row, key=("tenantId", "asOf"))


@cache
def _adapter() -> TypeAdapter[HealthReference]:
    return TypeAdapter(HealthReference)


def _date(day: Any) -> date:
    """SQLite answers a text, PostgreSQL an instant."""
    found: date = date.fromisoformat(day) if isinstance(day, str) else day.date()
    return found


@cache
def _any() -> AnySelect:
    point = AccountHealthScoreHistory
    return select(point.id).where(point.calculated_at <= bindparam("until")).limit(1)


@cache
def _newest() -> AnySelect:
    at = AccountHealthScoreHistory.calculated_at
    return select(func.max(at)).where(at <= bindparam("until"))


@cache
def _scored() -> AnySelect:
    point = AccountHealthScoreHistory
    return (
        select(point.account_id)
        .where(point.calculated_at > bindparam("since"), point.calculated_at <= bindparam("until"))
        .group_by(point.account_id)
        .order_by(point.account_id)
    )


def _happened_within() -> Any:
    at = happened_at()
    return (at > bindparam("since")) & (at <= bindparam("until")) & CRMActivity.status.not_in(NO_ENGAGEMENT)


@cache
def _active() -> AnySelect:
    return (
        select(CRMActivity.account_id)
        .where(CRMActivity.account_id.is_not(None), _happened_within())
        .group_by(CRMActivity.account_id)
        .order_by(CRMActivity.account_id)
    )


@cache
def _scores() -> AnySelect:
    point = AccountHealthScoreHistory
    return (
        select(point.account_id, point.calculated_at, point.overall_score)
        .where(
            point.account_id.in_(bindparam("ids", expanding=True)),
            point.calculated_at > bindparam("since"),
            point.calculated_at <= bindparam("until"),
        )
        .order_by(point.calculated_at, point.id)
    )


@cache
def _contacts(dialect: str) -> AnySelect:
    at = happened_at()
    mood = func.upper(cast(CRMActivity.details["sentiment"].as_string(), Text))
    return (
        select(
            CRMActivity.account_id,
            day_of(at, dialect).label("day"),
            func.count().label("activities"),
            func.sum(case((mood == "POSITIVE", 1), else_=0)).label("positive"),
            func.sum(case((mood == "NEGATIVE", 1), else_=0)).label("negative"),
        )
        .where(CRMActivity.account_id.in_(bindparam("ids", expanding=True)), _happened_within())
        .group_by(CRMActivity.account_id, "day")
        .order_by("day")
    )


@cache
def _weights() -> AnySelect:
    point = AccountHealthScoreHistory
    return (
        select(*(getattr(point, f"{name}_weight").label(name) for name in DIMENSIONS[1:]))
        .where(point.account_id == bindparam("account"), point.calculated_at <= bindparam("until"))
        .order_by(point.calculated_at.desc(), point.id.desc())
        .limit(1)
    )


@cache
def _issues() -> AnySelect:
    ended = func.coalesce(CTA.completed_at, case((CTA.status.in_(_ENDED), CTA.updated_at)))
    return select(CTA.account_id, CTA.created_at.label("opened"), ended.label("ended")).where(
        CTA.account_id.in_(bindparam("ids", expanding=True)),
        CTA.type == "RISK",
        CTA.created_at <= bindparam("until"),
    )


@cache
def _reference() -> AnySelect:
    return select(ReferenceRow.movement).where(ReferenceRow.as_of == bindparam("as_of"))
