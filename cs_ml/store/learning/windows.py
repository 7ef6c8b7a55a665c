"""What became of a window of an account, as SQL: the same conditions for stored predictions and for any asked window.

Bound with every statement: `now` (nothing dated after it counts) and `complete` (an account without a churn date has
stayed only up to there).
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import aliased

from cs_ml.domain.truth.outcomes import OutcomeSource, Unjudged
from cs_ml.store.accounts import NO_ENGAGEMENT, day_of, happened_at
from cs_ml.store.columns import UtcDateTime
from cs_ml.store.tables import Account, AccountMLPrediction, ChurnEvent, CRMActivity, JudgedOutcome

Condition = ColumnElement[bool]
NOW: Any = bindparam("now", type_=UtcDateTime)
COMPLETE: Any = bindparam("complete", type_=UtcDateTime)


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows (`start`, `end`] of rows of `entity`, as expressions over its columns or parameters."""

    entity: Any
    account: Any
    start: Any
    end: Any
    days: Any
    dialect: str


def stored_windows(dialect: str) -> Windows:
    """Of each stored prediction."""
    row = AccountMLPrediction
    end = days_after(row.predicted_at, row.prediction_window, dialect)
    return Windows(row, row.account_id, row.predicted_at, end, row.prediction_window, dialect)


def asked_windows(dialect: str) -> Windows:
    """Of each account, from the parameter `start` to `end`, which lie `window` days apart."""
    start, end = bindparam("start", type_=UtcDateTime), bindparam("end", type_=UtcDateTime)
    return Windows(Account, Account.id, start, end, bindparam("window", type_=Integer), dialect)


def days_after(at: Any, days: Any, dialect: str) -> ColumnElement[Any]:
    if dialect == "postgresql":
        return type_coerce(at.op("+")(func.make_interval(0, 0, 0, days)), UtcDateTime)
    return func.strftime("%Y-%m-%d %H:%M:%f", at, cast(days, Text) + literal(" days"), type_=UtcDateTime)


def came_true(windows: Windows) -> Condition:
    return or_(
        _churned(windows, approximate=False), _judged(windows, churned=True), _churned(windows, approximate=True)
    )


def source_of_churn(windows: Windows) -> ColumnElement[Any]:
    """How it is known of a window that `came_true`."""
    return case(
        (_churned(windows, approximate=False), OutcomeSource.DATE.value),
        (_judged(windows, churned=True), OutcomeSource.WINDOW.value),
        else_=OutcomeSource.APPROXIMATE.value,
    )


def stayed(windows: Windows) -> Condition:
    kept = and_(windows.end <= COMPLETE, ~_vague(windows), ~_left_before(windows))
    return and_(windows.end <= NOW, ~came_true(windows), or_(_judged(windows, churned=False), kept))


def source_of_stay(windows: Windows) -> ColumnElement[Any]:
    """How it is known of a window that was `stayed`."""
    return case((_judged(windows, churned=False), OutcomeSource.WINDOW.value), else_=OutcomeSource.KEPT.value)


def why_unjudged(windows: Windows) -> ColumnElement[Any]:
    """Of a window that neither `came_true` nor was `stayed`."""
    return case(
        (_left_before(windows), Unjudged.LEFT_BEFORE.value),
        (windows.end > NOW, Unjudged.OPEN.value),
        (_vague(windows), Unjudged.APPROXIMATE.value),
        else_=Unjudged.INCOMPLETE.value,
    )


def churned_in(windows: Windows) -> Any:
    """The first exactly known churn within the window."""
    event = ChurnEvent
    return (
        select(func.min(event.churned_at))
        .where(event.account_id == windows.account, *_inside(windows), event.approximate.is_(False))
        .correlate(windows.entity)
        .scalar_subquery()
    )


def _exists(entity: Any, windows: Windows, *conditions: Any) -> Condition:
    statement = select(literal(1)).select_from(entity).where(entity.account_id == windows.account, *conditions)
    return statement.correlate(windows.entity).exists()


def _inside(windows: Windows) -> tuple[Condition, Condition, Condition]:
    at = ChurnEvent.churned_at
    return at > windows.start, at <= windows.end, at <= NOW


def _churned(windows: Windows, *, approximate: bool) -> Condition:
    if approximate:
        return _exists(ChurnEvent, windows, *_inside(windows), _guessed())
    return _exists(ChurnEvent, windows, *_inside(windows), ChurnEvent.approximate.is_(False))


def _guessed() -> Condition:
    """An approximate churn that no exact date of before explains."""
    exact = aliased(ChurnEvent)
    known = (
        select(literal(1))
        .select_from(exact)
        .where(
            exact.account_id == ChurnEvent.account_id,
            exact.approximate.is_(False),
            exact.churned_at <= ChurnEvent.churned_at,
        )
        .correlate(ChurnEvent)
        .exists()
    )
    return ChurnEvent.approximate.is_(True) & ~known


def _judged(windows: Windows, *, churned: bool) -> Condition:
    """A judged window of the same day and length."""
    judged: Any = JudgedOutcome
    dialect = windows.dialect
    return _exists(
        judged,
        windows,
        day_of(judged.as_of, dialect) == day_of(windows.start, dialect),
        judged.window_days == windows.days,
        judged.churned.is_(churned),
        windows.end <= NOW,
    )


def _vague(windows: Windows) -> Condition:
    """The customer left at some time before an approximate date that lies behind the window."""
    at = ChurnEvent.churned_at
    return _exists(ChurnEvent, windows, at > windows.end, at <= NOW, _guessed())


def _left_before(windows: Windows) -> Condition:
    """The customer had left, and nothing was heard of them since."""
    event, at = ChurnEvent, happened_at()
    heard = (
        select(literal(1))
        .select_from(CRMActivity)
        .where(
            CRMActivity.account_id == event.account_id,
            at > event.churned_at,
            at <= windows.start,
            CRMActivity.status.not_in(NO_ENGAGEMENT),
        )
        .correlate(event, windows.entity)
        .exists()
    )
    return _exists(event, windows, event.churned_at <= windows.start, ~heard)
