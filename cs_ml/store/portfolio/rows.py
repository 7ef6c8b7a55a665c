"""The statement behind the rows of a page: the accounts in order, as they are now."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, null, or_, select, true, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased
from sqlalchemy.types import NullType

from cs_ml.store.accounts import happened_at
from cs_ml.store.columns import UtcDateTime, first, one_of
from cs_ml.store.portfolio.current import (
    contract,
    counted,
    is_valid,
    live,
    newest_first,
    touched_at,
    valid,
    work,
)
from cs_ml.store.portfolio.selection import SHAPES, Shape
from cs_ml.store.portfolio.statements import kept_page, page
from cs_ml.store.scope import AnySelect
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountMLPrediction,
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
    latest = _lateral if dialect == "postgresql" else _by_id
    change, timeless = latest(AccountFact, _FACT, _facts("changed")), latest(AccountFact, _FACT, _facts("timeless"))
    risk = latest(AccountMLPrediction, _SAID, lambda stored: (is_valid(stored), newest_first(stored)))
    ctas = (_counts if dialect == "postgresql" else _counts_apart)({**work(), "new_ctas": _newer(risk.c, *_CTA_DATES)})
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
    for each in (change, timeless, risk, ctas, scores):
        if each.source is not None:
            statement = statement.outerjoin_from(Account, each.source, each.holds)
    return (
        statement.outerjoin_from(Account, User, User.id == Account.owner_id)
        .where(live())
        .order_by(ranked.c.sort_key, Account.id)
    )


_FACT = ("valid_from", "arr", "renewal_date", "currency", "segment")
_SAID = ("id", "probability", "base_rate", "category", "as_of", "drivers", "completeness", "engine")
_CTA_DATES = (CTA.created_at, CTA.completed_at)

# The conditions and the order by which one row of each account is chosen.
_Choice = Callable[[Any], tuple[Sequence[Any], Sequence[Any]]]


class _Joined(NamedTuple):
    """Columns `c` of what is joined where `holds`; no source where they need none."""

    c: Any
    source: Any = None
    holds: Any = None


def _facts(kind: str) -> _Choice:
    return lambda fact: ([one_of(fact.kind, kind), fact.valid_from <= bindparam("now")], [fact.valid_from.desc()])


def _lateral(entity: Any, names: Sequence[str], choice: _Choice) -> _Joined:
    """One row of each account, found at once: half of the look-ups."""
    conditions, order = choice(entity)
    chosen = select(*(getattr(entity, name).label(name) for name in names)).order_by(*order).limit(first(1))
    source = chosen.where(entity.account_id == Account.id, *conditions).correlate(Account).lateral()
    return _Joined(source.c, source, true())


def _by_id(entity: Any, _names: Sequence[str], choice: _Choice) -> _Joined:
    """The same where a join cannot look at what stands before it."""
    found, chosen = aliased(entity), aliased(entity)
    conditions, order = choice(chosen)
    key = select(chosen.id).where(chosen.account_id == Account.id, *conditions).order_by(*order).limit(first(1))
    return _Joined(found, found, found.id == key.correlate(Account).scalar_subquery())


def _counts(conditions: Mapping[str, Any]) -> _Joined:
    """How many of an account's CTAs each condition holds for, counted at once."""
    columns = [func.count(CTA.id).filter(condition).label(name) for name, condition in conditions.items()]
    source = select(*columns).where(CTA.account_id == Account.id).correlate_except(CTA).lateral()
    return _Joined(source.c, source, true())


def _counts_apart(conditions: Mapping[str, Any]) -> _Joined:
    return _Joined(SimpleNamespace(**{name: counted(CTA, condition) for name, condition in conditions.items()}))


def _scores(risk: Any) -> _Joined:
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
    return _Joined(lateral.c, lateral, true())


def _scores_apart(risk: Any) -> _Joined:
    """Without arrays only their number; the scores are a statement of their own."""
    at = AccountHealthScoreHistory.calculated_at
    new = counted(AccountHealthScoreHistory, _newer(risk, at))
    return _Joined(SimpleNamespace(new_scores=new, scored_at=null(), scores=null()))


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
