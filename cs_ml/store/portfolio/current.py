"""What holds now of each account, one row per account: the common part of every figure and list of the portfolio.

The dated facts are read as `services/context.py` reads them: the newest change is the whole truth, a newer listing
overrides what it names, the timeless row gives segment and currency.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import CTE, and_, bindparam, func, not_, select
from sqlalchemy.orm import aliased

from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.portfolio import TOUCHES
from cs_ml.store.accounts import NO_ENGAGEMENT, happened_at
from cs_ml.store.columns import UtcDateTime, first, one_of
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
    return and_(Account.archived.is_(False), not_(one_of(Account.type, "CHURNED")))


def current(*accounts: Any) -> CTE:
    """The live accounts for which all conditions `accounts` hold: `account_id` and the columns of `AccountSummary`.

    Materialised: one statement uses its columns many times, and each is a look-up of its own.
    """
    change, timeless, risk = aliased(AccountFact), aliased(AccountFact), aliased(AccountMLPrediction)
    rows = (
        select(
            *contract(change, timeless),
            health_by("health_since", "now").label("health"),
            health_by("before_since", "before").label("health_before"),
            touched_at(),
            *(counted(CTA, is_counted).label(name) for name, is_counted in work().items()),
            *valid(risk),
        )
        .select_from(Account)
        .outerjoin(change, _is_newest(change, "changed"))
        .outerjoin(timeless, _is_newest(timeless, "timeless"))
        .outerjoin(risk, risk.id == _valid_prediction())
        .where(live(), *accounts)
    )
    return rows.cte("facts").prefix_with("MATERIALIZED")


def contract(change: Any, timeless: Any) -> list[Any]:
    """Columns of the newest change, which a newer listing overrides, and of the timeless row."""
    arr = func.coalesce(_listed(change, lambda fact: fact.arr), change.arr)
    renewal = func.coalesce(_listed(change, lambda fact: fact.renewal_date), change.renewal_date)
    return [
        Account.id.label("account_id"),
        arr.label("arr"),
        timeless.currency.label("currency"),
        timeless.segment.label("segment"),
        renewal.label("renewal"),
    ]


def valid(risk: Any) -> list[Any]:
    """Columns of the valid prediction."""
    return [
        risk.id.label("prediction_id"),
        risk.probability.label("probability"),
        risk.base_rate.label("base_rate"),
        risk.category.label("band"),
        risk.as_of.label("predicted_as_of"),
    ]


def _is_newest(fact: Any, kind: str) -> Any:
    newest = (
        select(func.max(AccountFact.valid_from))
        .where(
            AccountFact.account_id == Account.id,
            one_of(AccountFact.kind, kind),
            AccountFact.valid_from <= bindparam("now"),
        )
        .correlate(Account)
        .scalar_subquery()
    )
    return and_(fact.account_id == Account.id, one_of(fact.kind, kind), fact.valid_from == newest)


def _listed(change: Any, column: Callable[[Any], Any]) -> Any:
    """The newest listed value that is newer than the newest change."""
    fact = aliased(AccountFact)
    return (
        select(column(fact))
        .where(
            fact.account_id == Account.id,
            one_of(fact.kind, "listed"),
            fact.valid_from > func.coalesce(change.valid_from, bindparam("beginning", type_=UtcDateTime)),
            fact.valid_from <= bindparam("now"),
            column(fact).is_not(None),
        )
        .order_by(fact.valid_from.desc())
        .limit(first(1))
        .correlate_except(fact)
        .scalar_subquery()
    )


def health_by(after: str, until: str) -> Any:
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
        .limit(first(1))
        .correlate(Account)
        .scalar_subquery()
    )


def touched_at() -> Any:
    """The last real contact. The instant is asked for in a subquery, so that PostgreSQL estimates without it and keeps
    its plan: planning the rows of a page takes longer than reading them."""
    now = select(bindparam("now", type_=UtcDateTime)).scalar_subquery()
    return (
        select(func.max(happened_at()))
        .where(
            CRMActivity.account_id == Account.id,
            one_of(CRMActivity.type, *TOUCHES),
            not_(one_of(CRMActivity.status, *NO_ENGAGEMENT)),
            happened_at() <= now,
        )
        .correlate(Account)
        .scalar_subquery()
        .label("touched_at")
    )


def work() -> dict[str, Any]:
    """Which CTAs are counted as what."""
    is_open = and_(one_of(CTA.status, *_OPEN_CTA), CTA.created_at <= bindparam("now"))
    return {"open_ctas": is_open, "overdue_ctas": and_(is_open, CTA.due_date <= bindparam("overdue_before"))}


def counted(entity: Any, condition: Any) -> Any:
    """How many such rows the account has."""
    rows = select(func.count(entity.id)).where(entity.account_id == Account.id, condition)
    return rows.correlate_except(entity).scalar_subquery()


def _valid_prediction() -> Any:
    stored = aliased(AccountMLPrediction)
    newest = select(stored.id).where(stored.account_id == Account.id, *is_valid(stored)).order_by(*newest_first(stored))
    return newest.limit(first(1)).correlate(Account).scalar_subquery()


def is_valid(stored: Any) -> list[Any]:
    return [
        one_of(stored.prediction_type, "CHURN"),
        one_of(stored.status, "ACTIVE"),
        one_of(stored.prediction_window, DEFAULT_WINDOW_DAYS),
        stored.valid_until > bindparam("now"),
        stored.engine.is_not(None),
    ]


def newest_first(stored: Any) -> list[Any]:
    return [stored.predicted_at.desc(), stored.id.desc()]
