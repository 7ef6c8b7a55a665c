"""The statement behind the rows of a page: the accounts in order, as they are now."""

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import and_, bindparam, func, null, or_, select, true, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.types import NullType

from cs_ml.store.accounts import happened_at
from cs_ml.store.columns import UtcDateTime, one_of
from cs_ml.store.portfolio.current import contract, counted, live, touched_at, valid, work
from cs_ml.store.portfolio.newest import Joined, counts, joined, newest_of
from cs_ml.store.portfolio.selection import SHAPES, Shape
from cs_ml.store.portfolio.statements import kept_page, page
from cs_ml.store.scope import AnySelect
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    CRMActivity,
    ExternalRef,
    Opportunity,
    User,
)


@lru_cache(maxsize=SHAPES)
def rows(shape: Shape, limit: int, dialect: str, *, following: bool, kept: bool) -> AnySelect:
    """`limit` accounts in order, with what their predictions say beyond the figures, and how many dated facts of theirs
    are younger than those."""
    ranked = (kept_page if kept else page)(shape, limit, following=following).cte("page")
    change, timeless, risk = newest_of(dialect)
    ctas = counts(dialect, {**work(), "new_ctas": _newer(risk.c, *_CTA_DATES)})
    scores = (_scores if dialect == "postgresql" else _scores_apart)(risk.c)
    ref = (
        select(func.min(ExternalRef.ref))
        .where(one_of(ExternalRef.kind, "account"), ExternalRef.target_id == Account.id)
        .correlate(Account)
        .scalar_subquery()
    )
    statement = (
        select(
            ranked.c.id,
            ranked.c.size,
            ranked.c.urgency,
            ranked.c.sort_key,
            scores.c.scored_at.label("scored_at"),
            scores.c.scores.label("scores"),
            Account.name.label("name"),
            User.name.label("owner_name"),
            ref.label("reference"),
            *contract(change.c, timeless.c)[1:],
            touched_at(),
            ctas.c.open_ctas.label("open_ctas"),
            ctas.c.overdue_ctas.label("overdue_ctas"),
            *valid(risk.c),
            risk.c.drivers.label("drivers"),
            risk.c.completeness["score"].as_float().label("completeness"),
            risk.c.engine.label("engine"),
            (ctas.c.new_ctas + scores.c.new_scores + _new_facts(risk.c)).label("new_facts"),
        )
        .select_from(Account)
        .join_from(Account, ranked, ranked.c.id == Account.id)
    )
    return (
        joined(statement, change, timeless, risk, ctas, scores)
        .outerjoin_from(Account, User, User.id == Account.owner_id)
        .where(live())
        .order_by(ranked.c.sort_key, Account.id)
    )


_CTA_DATES = (CTA.created_at, CTA.completed_at)


def _scores(risk: Any) -> Joined:
    """The health scores of the last weeks with their instants, oldest first, and how many there are that the prediction
    has not seen: one walk along the index. The beginning is asked for in a subquery, as is the instant of `touched_at`.
    """
    point = AccountHealthScoreHistory
    at, since = point.calculated_at, select(bindparam("scores_since", type_=UtcDateTime)).scalar_subquery()

    def shown(values: Any) -> Any:
        """As the driver gives them: they are many."""
        ordered = func.array_agg(aggregate_order_by(values, at, point.id)).filter(at > since)
        return type_coerce(ordered, NullType())

    source = select(
        func.count(point.id).filter(at > risk.as_of).label("new_scores"),
        shown(at).label("scored_at"),
        shown(point.overall_score).label("scores"),
    ).where(point.account_id == Account.id, at > func.least(risk.as_of, since), at <= bindparam("now"))
    lateral = source.correlate_except(point).lateral()
    return Joined(lateral.c, lateral, true())


def _scores_apart(risk: Any) -> Joined:
    """Without arrays only their number; the scores are a statement of their own."""
    at = AccountHealthScoreHistory.calculated_at
    new = counted(AccountHealthScoreHistory, _newer(risk, at))
    return Joined(SimpleNamespace(new_scores=new, scored_at=null(), scores=null()))


def _new_facts(risk: Any) -> Any:
    """Dated facts of the account that the prediction has not seen, CTAs and health scores apart."""
    fact = AccountFact
    return (
        counted(CRMActivity, _newer(risk, happened_at()))
        + counted(Opportunity, _newer(risk, Opportunity.created_at, Opportunity.actual_close_date))
        + counted(fact, _newer(risk, fact.valid_from))
    )


def _newer(risk: Any, *dates: Any) -> Any:
    return or_(*(and_(date > risk.as_of, date <= bindparam("now")) for date in dates))
