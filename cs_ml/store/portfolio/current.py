"""What holds now of each account, one row per account: the common part of every figure and list of the portfolio.

The dated facts are read as `services/context.py` reads them: the newest change is the whole truth, a newer listing
overrides what it names, the timeless row gives segment and currency.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import CTE, and_, bindparam, func, select
from sqlalchemy.orm import aliased

from cs_ml.domain.portfolio import TOUCHES
from cs_ml.store.accounts import NO_ENGAGEMENT, happened_at
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountMLPrediction,
    CRMActivity,
)

_OPEN_CTA = ("OPEN", "IN_PROGRESS", "SNOOZED")


def live() -> Any:
    """Customers that are still there."""
    return and_(Account.archived.is_(False), Account.type != "CHURNED")


def current(*accounts: Any, health: bool = True) -> CTE:
    """The live accounts for which all conditions `accounts` hold: `account_id` and the columns of `AccountSummary`,
    without those of `health` where nobody looks at them.

    Materialised: one statement uses its columns many times, and each is a look-up of its own.
    """
    change, timeless, risk = aliased(AccountFact), aliased(AccountFact), aliased(AccountMLPrediction)
    arr = func.coalesce(_listed(change, lambda fact: fact.arr), change.arr)
    renewal = func.coalesce(_listed(change, lambda fact: fact.renewal_date), change.renewal_date)
    rows = (
        select(
            Account.id.label("account_id"),
            arr.label("arr"),
            timeless.currency.label("currency"),
            timeless.segment.label("segment"),
            renewal.label("renewal"),
            *(
                (
                    _health("health_since", "now").label("health"),
                    _health("before_since", "before").label("health_before"),
                )
                if health
                else ()
            ),
            _touched_at().label("touched_at"),
            _ctas().label("open_ctas"),
            _ctas(CTA.due_date <= bindparam("overdue_before")).label("overdue_ctas"),
            risk.id.label("prediction_id"),
            risk.probability.label("probability"),
            risk.base_rate.label("base_rate"),
            risk.category.label("band"),
            risk.as_of.label("predicted_as_of"),
        )
        .select_from(Account)
        .outerjoin(change, _is_newest(change, "changed"))
        .outerjoin(timeless, _is_newest(timeless, "timeless"))
        .outerjoin(risk, risk.id == _valid_prediction())
        .where(live(), *accounts)
    )
    return rows.cte("facts").prefix_with("MATERIALIZED")


def _is_newest(fact: Any, kind: str) -> Any:
    newest = (
        select(func.max(AccountFact.valid_from))
        .where(
            AccountFact.account_id == Account.id, AccountFact.kind == kind, AccountFact.valid_from <= bindparam("now")
        )
        .correlate(Account)
        .scalar_subquery()
    )
    return and_(fact.account_id == Account.id, fact.kind == kind, fact.valid_from == newest)


def _listed(change: Any, column: Callable[[Any], Any]) -> Any:
    """The newest listed value that is newer than the newest change."""
    fact = aliased(AccountFact)
    return (
        select(column(fact))
        .where(
            fact.account_id == Account.id,
            fact.kind == "listed",
            fact.valid_from > func.coalesce(change.valid_from, bindparam("beginning")),
            fact.valid_from <= bindparam("now"),
            column(fact).is_not(None),
        )
        .order_by(fact.valid_from.desc())
        .limit(1)
        .correlate(Account, change)
        .scalar_subquery()
    )


def _health(after: str, until: str) -> Any:
    """The newest overall score in (after, until]."""
    point = aliased(AccountHealthScoreHistory)
    return (
        select(point.overall_score)
        .where(
            point.account_id == Account.id,
            point.calculated_at > bindparam(after),
            point.calculated_at <= bindparam(until),
        )
        .order_by(point.calculated_at.desc(), point.id.desc())
        .limit(1)
        .correlate(Account)
        .scalar_subquery()
    )


def _touched_at() -> Any:
    return (
        select(func.max(happened_at()))
        .where(
            CRMActivity.account_id == Account.id,
            CRMActivity.type.in_(TOUCHES),
            CRMActivity.status.not_in(NO_ENGAGEMENT),
            happened_at() <= bindparam("now"),
        )
        .correlate(Account)
        .scalar_subquery()
    )


def _ctas(*conditions: Any) -> Any:
    """How many CTAs are open."""
    return (
        select(func.count(CTA.id))
        .where(CTA.account_id == Account.id, CTA.status.in_(_OPEN_CTA), CTA.created_at <= bindparam("now"), *conditions)
        .correlate(Account)
        .scalar_subquery()
    )


def _valid_prediction() -> Any:
    stored = aliased(AccountMLPrediction)
    return (
        select(stored.id)
        .where(
            stored.account_id == Account.id,
            stored.prediction_type == "CHURN",
            stored.status == "ACTIVE",
            stored.prediction_window == bindparam("window"),
            stored.valid_until > bindparam("now"),
            stored.engine.is_not(None),
        )
        .order_by(stored.predicted_at.desc(), stored.id.desc())
        .limit(1)
        .correlate(Account)
        .scalar_subquery()
    )
