"""One row of each history of an account, found at once where the database can; and its CTAs counted at once."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, true
from sqlalchemy.orm import aliased

from cs_ml.store.columns import first, one_of
from cs_ml.store.portfolio.current import counted, is_valid, newest_first
from cs_ml.store.scope import AnySelect
from cs_ml.store.tables import CTA, Account, AccountFact, AccountMLPrediction

_FACT = ("valid_from", "arr", "renewal_date", "currency", "segment")
_SAID = ("id", "probability", "base_rate", "category", "as_of", "drivers", "completeness", "engine")

# The conditions and the order by which one row of each account is chosen.
_Choice = Callable[[Any], tuple[Sequence[Any], Sequence[Any]]]


class Joined(NamedTuple):
    """Columns `c` of what is joined where `holds`; no source where they need none."""

    c: Any
    source: Any = None
    holds: Any = None


def newest_of(dialect: str) -> tuple[Joined, Joined, Joined]:
    """Of each account the newest change of its contract, the timeless row, and the valid prediction."""
    latest = _lateral if dialect == "postgresql" else _by_id
    change, timeless = (latest(AccountFact, _FACT, _facts(kind)) for kind in ("changed", "timeless"))
    return change, timeless, latest(AccountMLPrediction, _SAID, lambda risk: (is_valid(risk), newest_first(risk)))


def counts(dialect: str, conditions: Mapping[str, Any]) -> Joined:
    """How many of an account's CTAs each condition holds for."""
    if dialect != "postgresql":
        return Joined(SimpleNamespace(**{name: counted(CTA, condition) for name, condition in conditions.items()}))
    columns = [func.count(CTA.id).filter(condition).label(name) for name, condition in conditions.items()]
    source = select(*columns).where(CTA.account_id == Account.id).correlate_except(CTA).lateral()
    return Joined(source.c, source, true())


def joined(statement: AnySelect, *each: Joined) -> AnySelect:
    for one in each:
        if one.source is not None:
            statement = statement.outerjoin_from(Account, one.source, one.holds)
    return statement


def _facts(kind: str) -> _Choice:
    return lambda fact: ([one_of(fact.kind, kind), fact.valid_from <= bindparam("now")], [fact.valid_from.desc()])


def _lateral(entity: Any, names: Sequence[str], choice: _Choice) -> Joined:
    """One row of each account, found at once: half of the look-ups."""
    conditions, order = choice(entity)
    chosen = select(*(getattr(entity, name).label(name) for name in names)).order_by(*order).limit(first(1))
    source = chosen.where(entity.account_id == Account.id, *conditions).correlate(Account).lateral()
    return Joined(source.c, source, true())


def _by_id(entity: Any, _names: Sequence[str], choice: _Choice) -> Joined:
    """The same where a join cannot look at what stands before it."""
    found, chosen = aliased(entity), aliased(entity)
    conditions, order = choice(chosen)
    key = select(chosen.id).where(chosen.account_id == Account.id, *conditions).order_by(*order).limit(first(1))
    return Joined(found, found, found.id == key.correlate(Account).scalar_subquery())
