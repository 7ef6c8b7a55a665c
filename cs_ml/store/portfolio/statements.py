"""The statements of the portfolio; each kept, so that it is guarded and compiled once."""

from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    DateTime,
    Double,
    Integer,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
)

from cs_ml.domain.portfolio import RENEWAL_DAYS, Flag, Sort
from cs_ml.store.columns import among, first
from cs_ml.store.portfolio.current import current, live
from cs_ml.store.portfolio.selection import (
    SHAPES,
    Shape,
    at_risk,
    flagged,
    matching,
    renews_before,
    size,
    sort_key,
    urgency,
)
from cs_ml.store.scope import AnySelect
from cs_ml.store.tables import (
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountMLPrediction,
    AccountSummary,
    SummaryRefresh,
    User,
)


@lru_cache(maxsize=SHAPES)
def totals(shape: Shape) -> AnySelect:
    """All figures of the tiles, one row per currency; `matching` is the number of accounts that pass the filters."""
    facts = _facts(shape)
    known = and_(facts.probability.is_not(None), facts.arr.is_not(None))
    p, b, a = facts.probability, facts.base_rate, cast(facts.arr, Double)
    compared = and_(facts.health.is_not(None), facts.health_before.is_not(None))

    def loss(value: Any) -> Any:
        return func.sum(case((known, value), else_=0.0))

    columns = [
        func.count(Account.id).label("accounts"),
        _count(matching(facts, shape), "matching"),
        func.count(facts.probability).label("predicted"),
        func.sum(facts.health).label("health"),
        func.count(facts.health).label("with_health"),
        func.sum(case((compared, facts.health - facts.health_before), else_=0)).label("health_change"),
        _count(compared, "with_change"),
        _count(at_risk(facts), "at_risk"),
        _count(and_(at_risk(facts), facts.arr.is_not(None)), "at_risk_with_arr"),
        func.sum(case((at_risk(facts), facts.arr), else_=None)).label("at_risk_arr"),
        _count(known, "loss_accounts"),
        loss(p).label("p"),
        loss(b).label("b"),
        loss(a).label("a"),
        loss(p * a).label("pa"),
        loss(p * a * a).label("pa2"),
        loss(p * p * a * a).label("p2a2"),
        *(_count(renews_before(facts, f"renewal_{days}"), f"renewals_{days}") for days in RENEWAL_DAYS),
        func.sum(facts.open_ctas).label("open_ctas"),
        func.sum(facts.overdue_ctas).label("overdue_ctas"),
        *(_count(flagged(facts, flag), f"flag_{flag}") for flag in Flag),
    ]
    return _of_owner(_from(select(facts.currency.label("currency"), *columns), facts), shape).group_by(facts.currency)


@lru_cache(maxsize=SHAPES)
def page(shape: Shape, limit: int, *, following: bool) -> AnySelect:
    """Ids in order with what the order is made of, `limit` of them; `following`: after `last_key` and `last_id`."""
    facts = _facts(shape)
    names = ("arr", "currency", "segment", "renewal", "health", "touched_at", "open_ctas", "overdue_ctas")
    columns = [getattr(facts, name).label(name) for name in (*names, "probability", "band", "predicted_as_of")]
    chosen = _of_owner(
        _from(select(Account.id, Account.name.label("name"), size(facts).label("size"), *columns), facts), shape
    ).subquery()
    weighed = urgency(chosen.c).label("urgency")
    ranked = select(*chosen.c, weighed).select_from(chosen).subquery()
    key = sort_key(ranked.c, shape.sort)
    rows = (
        select(Account.id, ranked.c.size.label("size"), ranked.c.urgency.label("urgency"), key.label("sort_key"))
        .join(ranked, ranked.c.id == Account.id)
        .where(matching(ranked.c, shape))
        .order_by(key, Account.id)
        .limit(first(limit))
    )
    if following:
        last = bindparam("last_key", type_=key.type)
        rows = rows.where(or_(key > last, and_(key == last, Account.id > bindparam("last_id"))))
    return rows


class _Kept:
    """The facts of a summary with the order of the whole tenant, which was worked out when they were gathered."""

    def __getattr__(self, name: str) -> Any:
        return Account.name if name == "name" else getattr(AccountSummary, name)


@lru_cache(maxsize=SHAPES)
def kept_page(shape: Shape, limit: int, *, following: bool) -> AnySelect:
    """Like `page`, of the whole tenant: by risk straight from an index, whatever the number of accounts."""
    kept = _Kept()
    key = AccountSummary.risk_key if shape.sort is Sort.RISK else sort_key(kept, shape.sort)
    rows = (
        select(AccountSummary.account_id.label("id"), kept.size, kept.urgency, key.label("sort_key"))
        .join(Account, Account.id == AccountSummary.account_id)
        .where(live(), matching(kept, shape))
        .order_by(key, AccountSummary.account_id)
        .limit(first(limit))
    )
    if following:
        last = tuple_(bindparam("last_key", type_=key.type), bindparam("last_id", type_=Integer))
        rows = rows.where(tuple_(key, AccountSummary.account_id) > last)
    return rows


@lru_cache(maxsize=SHAPES)
def kept_matching(shape: Shape) -> AnySelect:
    """How many accounts of the whole tenant pass the filters."""
    counted = select(func.count(AccountSummary.account_id)).join(Account, Account.id == AccountSummary.account_id)
    return counted.where(live(), matching(_Kept(), shape))


@cache
def scores() -> AnySelect:
    """The overall scores of the accounts `ids` for their sparklines, oldest first; with instants as the driver gives
    them, as there are many."""
    point = AccountHealthScoreHistory
    at = type_coerce(point.calculated_at, DateTime).label("at")
    return (
        select(point.account_id, at, point.overall_score)
        .where(
            among(point.account_id, "ids"),
            point.calculated_at > bindparam("scores_since"),
            point.calculated_at <= bindparam("now"),
        )
        .order_by(point.account_id, point.calculated_at, point.id)
    )


@cache
def owners() -> AnySelect:
    return (
        select(Account.owner_id, User.name.label("name"), func.count(Account.id).label("accounts"))
        .join(User, User.id == Account.owner_id)
        .where(live())
        .group_by(Account.owner_id, User.name)
        .order_by(func.lower(User.name), Account.owner_id)
    )


@cache
def segments() -> AnySelect:
    """Of live accounts, with a timeless row; there is one row an account."""
    fact = AccountFact
    return (
        select(fact.segment)
        .join(Account, Account.id == fact.account_id)
        .where(fact.kind == "timeless", fact.segment.is_not(None), live())
        .distinct()
        .order_by(fact.segment)
    )


@cache
def size_of(*, owner: bool) -> AnySelect:
    """How many accounts there are to choose from, and of when the summaries are."""
    summaries = select(SummaryRefresh.refreshed_at).scalar_subquery().label("refreshed_at")
    counted = select(func.count(Account.id).label("accounts"), summaries).where(live())
    return counted.where(Account.owner_id == bindparam("owner")) if owner else counted


@cache
def refreshed() -> AnySelect:
    return select(
        SummaryRefresh.refreshed_at, SummaryRefresh.accounts, SummaryRefresh.figures["totals"].label("totals")
    )


@cache
def figures() -> AnySelect:
    return select(SummaryRefresh.figures)


@cache
def predicted_since() -> AnySelect:
    """Whether there is a prediction younger than `since`."""
    stored = AccountMLPrediction
    return select(stored.id).where(stored.predicted_at > bindparam("since")).limit(1)


def _facts(shape: Shape) -> Any:
    if shape.summary:
        return AccountSummary
    return current(*([Account.owner_id == bindparam("owner")] if shape.owner else [])).c


def _from(statement: AnySelect, facts: Any) -> AnySelect:
    """Live accounts, also those that a summary does not know yet."""
    source = facts if facts is AccountSummary else facts.account_id.table
    return statement.select_from(Account).outerjoin(source, facts.account_id == Account.id).where(live())


def _of_owner(statement: AnySelect, shape: Shape) -> AnySelect:
    return statement.where(Account.owner_id == bindparam("owner")) if shape.owner else statement


def _count(condition: Any, name: str) -> Any:
    return func.sum(case((condition, 1), else_=0)).label(name)
