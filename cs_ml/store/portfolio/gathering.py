"""What the summaries are made of. The database compares and writes: nothing of an account passes through here, and a
summary that says what holds now is left alone."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Double, and_, bindparam, case, cast, delete, func, literal, not_, or_, select, update

from cs_ml.store.portfolio.current import contract, health_by, live, touched_at, valid, work
from cs_ml.store.portfolio.newest import counts, joined, newest_of
from cs_ml.store.portfolio.selection import urgency
from cs_ml.store.scope import AnySelect
from cs_ml.store.tables import Account, AccountSummary

_PART = 1_000  # accounts that are gathered at once: of more, PostgreSQL would compile the statement each time
_FACTS = (
    *("arr", "currency", "segment", "renewal", "health", "health_before", "touched_at", "open_ctas", "overdue_ctas"),
    *("probability", "base_rate", "band", "predicted_as_of"),
)


@cache
def part() -> AnySelect:
    """How many the first live accounts in (after, last] are, and the last of them."""
    chosen = select(Account.id.label("id")).where(live(), *_within(Account.id)).order_by(Account.id)
    ids = chosen.limit(_PART).subquery()
    last, accounts = func.max(ids.c.id).label("last_of_part"), func.count(Account.id).label("accounts")
    return select(last, accounts).join(ids, ids.c.id == Account.id)


@cache
def moved(dialect: str) -> AnySelect:
    """What holds now of the accounts in (after, last] where that is not what their summary says.

    Materialised, as each column is a look-up that comparing would repeat. The accounts are named wherever they are
    joined, so that no plan reads all of the tenant for each part of it.
    """
    change, timeless, risk = newest_of(dialect)
    ctas = counts(dialect, work())
    found = select(
        *contract(change.c, timeless.c),
        health_by("health_since", "now").label("health"),
        health_by("before_since", "before").label("health_before"),
        touched_at(),
        *(getattr(ctas.c, name).label(name) for name in work()),
        *valid(risk.c),
    ).select_from(Account)
    facts = joined(found, change, timeless, risk, ctas).where(live(), *_within(Account.id))
    now = facts.cte("facts").prefix_with("MATERIALIZED").c
    differs = [getattr(AccountSummary, name).is_distinct_from(getattr(now, name)) for name in _FACTS]
    key = AccountSummary.account_id
    return (
        select(Account.id.label("account_id"), *(getattr(now, name).label(name) for name in _FACTS))
        .join(now.account_id.table, now.account_id == Account.id)
        .outerjoin(AccountSummary, and_(key == Account.id, *_within(key)))
        .where(or_(AccountSummary.id.is_(None), *differs), *_within(Account.id))
    )


def _within(key: Any) -> list[Any]:
    return [key > bindparam("after"), key <= bindparam("last")]


@cache
def gone() -> Any:
    """Removes summaries of accounts that are no customers any more."""
    there = select(Account.id).where(Account.id == AccountSummary.account_id, live()).exists()
    return delete(AccountSummary).where(not_(there))


@cache
def averages() -> AnySelect:
    """The average revenue by currency, among all that was gathered."""
    average = func.avg(AccountSummary.arr, type_=Double).label("average")
    return select(AccountSummary.currency, average).group_by(AccountSummary.currency)


def ordered(averages: Sequence[tuple[str | None, float]]) -> Any:
    """Works out the order of what was gathered of the accounts in (after, last], where it is another than before."""
    arr = cast(AccountSummary.arr, Double)
    steps = [(_is(AccountSummary.currency, currency), arr / average) for currency, average in averages if average]
    relative = func.coalesce(case(*steps), 1.0) if steps else literal(1.0, Double)
    weight = urgency(AccountSummary)
    order: Mapping[str, Any] = {
        "size": relative,
        "urgency": weight,
        "risk_key": func.coalesce(-AccountSummary.probability * relative * weight, literal(1.0, Double)),
    }
    differs = [getattr(AccountSummary, name).is_distinct_from(value) for name, value in order.items()]
    return update(AccountSummary).where(or_(*differs), *_within(AccountSummary.account_id)).values(order)


def _is(column: Any, value: str | None) -> Any:
    return column.is_(None) if value is None else column == value
