"""The long view of accounts, summed in SQL: two statements whatever the number of accounts or the length of history."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Double, Integer, bindparam, case, cast, func, literal, select
from sqlalchemy import Text as SqlText

from cs_ml.domain.context import DIMENSIONS, HEALTH_BANDS_DAYS, WINDOWS, ContactBand, HealthBand, Signals
from cs_ml.store.accounts import NO_ENGAGEMENT, day_of, happened_at, stated_number
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import AccountHealthScoreHistory, CRMActivity

_BOUNDS = {*WINDOWS, *HEALTH_BANDS_DAYS}


class SignalRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def load(self, account_ids: Sequence[int], as_of: datetime) -> dict[int, Signals]:
        """By account id, from rows not after `as_of`; every id that is asked for is answered."""
        instants = {f"d{days}": as_of - timedelta(days=days) for days in _BOUNDS}
        params = {"ids": list(account_ids), "as_of": as_of, **instants}
        contacts: dict[int, list[ContactBand]] = defaultdict(list)
        for row in self._scope.execute(_contacts(self._scope.dialect), params):
            contacts[row.account_id].append(_contact_band(row))
        health: dict[int, list[HealthBand]] = defaultdict(list)
        for row in self._scope.execute(_health(), params):
            health[row.account_id].append(_health_band(row))
        return {
            account_id: Signals(contacts=contacts.get(account_id, ()), health=health.get(account_id, ()))
            for account_id in account_ids
        }


def _contact_band(row: Any) -> ContactBand:
    return ContactBand(
        source=row.source,
        band=row.band,
        count=row.contacts,
        days=row.days,
        quantities=row.quantities,
        quantity=float(row.quantity or 0),
        amounts=row.amounts,
        amount=float(row.amount or 0),
        positive=row.positive,
        negative=row.negative,
        first_at=row.first_at,
        last_at=row.last_at,
    )


def _health_band(row: Any) -> HealthBand:
    means = {name: row._mapping[name] for name in DIMENSIONS}
    return HealthBand(
        band=row.band,
        points=row.points,
        lowest=row.lowest,
        highest=row.highest,
        means={name: float(mean) for name, mean in means.items() if mean is not None},
    )


def _band(at: Any, bounds: Sequence[int]) -> Any:
    return case(*((at > bindparam(f"d{days}"), literal(days, Integer)) for days in bounds)).label("band")


@cache
def _contacts(dialect: str) -> AnySelect:
    at, row = happened_at(), CRMActivity
    source = func.coalesce(row.details["sourceType"].as_string(), cast(row.type, SqlText)).label("source")
    mood = func.upper(row.details["sentiment"].as_string())
    quantity, amount = stated_number("quantity", dialect), stated_number("amount", dialect)
    return (
        select(
            row.account_id,
            source,
            _band(at, WINDOWS),
            func.count().label("contacts"),
            func.count(day_of(at, dialect).distinct()).label("days"),
            func.count(quantity).label("quantities"),
            func.sum(quantity).label("quantity"),
            func.count(amount).label("amounts"),
            func.sum(amount).label("amount"),
            func.count(case((mood == "POSITIVE", 1))).label("positive"),
            func.count(case((mood == "NEGATIVE", 1))).label("negative"),
            func.min(at).label("first_at"),
            func.max(at).label("last_at"),
        )
        .where(
            row.account_id.in_(bindparam("ids", expanding=True)),
            at <= bindparam("as_of"),
            *(row.status != status for status in NO_ENGAGEMENT),
        )
        .group_by(row.account_id, "source", "band")
        .order_by(row.account_id, "source", "first_at")
    )


@cache
def _health() -> AnySelect:
    point = AccountHealthScoreHistory
    means = [func.avg(cast(getattr(point, f"{name}_score"), Double)).label(name) for name in DIMENSIONS]
    return (
        select(
            point.account_id,
            _band(point.calculated_at, HEALTH_BANDS_DAYS),
            func.count().label("points"),
            func.min(point.overall_score).label("lowest"),
            func.max(point.overall_score).label("highest"),
            *means,
        )
        .where(
            point.account_id.in_(bindparam("ids", expanding=True)),
            point.calculated_at <= bindparam("as_of"),
            point.calculated_at > bindparam(f"d{HEALTH_BANDS_DAYS[-1]}"),
        )
        .group_by(point.account_id, "band")
        .order_by(point.account_id, "band")
    )
