"""Which predictions time has passed by."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, func, literal, or_, select, update
from sqlalchemy.orm import aliased

from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.store.accounts import happened_at, is_live
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import CTA, Account, AccountHealthScoreHistory, AccountMLPrediction, CRMActivity, Opportunity


class MovedRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def accounts(self, now: datetime) -> Mapping[int, int]:
        """Live accounts without a valid churn prediction, or with facts younger than it: how many facts those are.

        An account without any prediction counts as one with a single new fact.
        """
        rows = self._scope.execute(_moved(), {"now": now, "window": DEFAULT_WINDOW_DAYS})
        return {row.id: row.facts for row in rows}

    def expire(self, now: datetime) -> int:
        """Ends the ACTIVE predictions that are not valid any more; answers how many."""
        stored = AccountMLPrediction
        over = update(stored).where(stored.status == "ACTIVE", stored.engine.is_not(None), stored.valid_until <= now)
        result: Any = self._scope.execute(over.values(status="EXPIRED", updated_at=now))
        return int(result.rowcount)


@cache
def _moved() -> AnySelect:
    stored = aliased(AccountMLPrediction)
    valid = and_(
        stored.account_id == Account.id,
        stored.prediction_type == "CHURN",
        stored.status == "ACTIVE",
        stored.engine.is_not(None),
        stored.prediction_window == bindparam("window"),
        stored.valid_until > bindparam("now"),
    )

    def newer(account: Any, *dates: Any) -> Any:
        inside = or_(*(and_(date > stored.as_of, date <= bindparam("now")) for date in dates))
        counted = select(func.count(account)).where(account == Account.id, inside)
        return counted.correlate(Account, stored).scalar_subquery()

    facts = (
        newer(AccountHealthScoreHistory.account_id, AccountHealthScoreHistory.calculated_at)
        + newer(CRMActivity.account_id, happened_at())
        + newer(CTA.account_id, CTA.created_at, CTA.completed_at)
        + newer(Opportunity.account_id, Opportunity.created_at, Opportunity.actual_close_date)
    )
    counted = (
        select(Account.id.label("id"), stored.id.label("prediction"), facts.label("facts"))
        .select_from(Account)
        .outerjoin(stored, valid)
        .where(is_live())
    ).subquery()
    number = func.coalesce(func.nullif(counted.c.facts, 0), literal(1))
    return (
        select(Account.id, number.label("facts"))
        .join(counted, counted.c.id == Account.id)
        .where(or_(counted.c.prediction.is_(None), counted.c.facts > 0))
    )
