"""How health moved, aggregated in the database: as many statements whatever the number of accounts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, CompoundSelect, bindparam, case, func, literal, or_, select, union_all
from sqlalchemy.orm import aliased

from cs_ml.domain.context import DIMENSIONS, Dimension
from cs_ml.domain.health.movements import LEAST_POINTS, MOST_MOVERS, WEEKS, BandMove, BandWeek, Member, Mover, week_ends
from cs_ml.domain.policy import HEALTH_BANDS, HealthBand
from cs_ml.domain.portfolio import HEALTH_FRESH_DAYS
from cs_ml.store.portfolio.current import current, live
from cs_ml.store.portfolio.selection import instants
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import Account, AccountHealthScoreHistory, ExternalRef, User

_FRESH = timedelta(days=HEALTH_FRESH_DAYS)


class MovementRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def weeks(self, owner_id: int | None, until: datetime, *, first: int = 0) -> Sequence[BandWeek]:
        """The ends of the last WEEKS weeks from number `first` on, the last one is `until`, oldest first."""
        ends = week_ends(until)
        counts: list[dict[HealthBand | None, int]] = [{} for _ in ends]
        for row in self._scope.execute(_weeks(first, owner_id is not None), {"owner": owner_id, **spans(ends)}):
            counts[row.week][_band(row.band)] = row.accounts
        return [BandWeek(at=end, accounts=found) for end, found in zip(ends, counts, strict=True)][first:]

    def moves(self, owner_id: int | None, since: datetime, until: datetime) -> Sequence[BandMove]:
        """From band to band between the two instants, by currency."""
        rows = self._scope.execute(_moves(owner_id is not None), _between(owner_id, since, until))
        return [
            BandMove(
                before=_band(row.before),
                after=_band(row.after),
                currency=row.currency,
                accounts=row.accounts,
                arr=row.arr,
                with_arr=row.with_arr,
            )
            for row in rows
        ]

    def movers(self, owner_id: int | None, since: datetime, until: datetime) -> tuple[Sequence[Mover], int]:
        """Accounts that changed their band or moved LEAST_POINTS or more, the largest falls first; and how many are."""
        rows = self._scope.execute(_movers(owner_id is not None), _between(owner_id, since, until)).all()
        ids = [row.account_id for row in rows]
        before, after = self._readings(ids, since), self._readings(ids, until)
        movers = []
        for row in rows:
            cause = _cause(before.get(row.account_id), after.get(row.account_id), falling=row.after < row.before)
            movers.append(
                Mover(
                    account_id=row.account_id,
                    reference=row.reference,
                    name=row.name,
                    owner_name=row.owner_name,
                    before=row.before,
                    after=row.after,
                    cause=cause[0] if cause else None,
                    cause_points=cause[1] if cause else None,
                )
            )
        return movers, rows[0].moved if rows else 0

    def members(self, owner_id: int | None, until: datetime) -> Sequence[Member]:
        """The live accounts of an owner, or all, in order of id."""
        rows = self._scope.execute(_members(owner_id is not None), _between(owner_id, until, until))
        return [Member(**row._mapping) for row in rows]

    def _readings(self, ids: Sequence[int], at: datetime) -> Mapping[int, Any]:
        """The newest score of each account by `at`, with its dimensions and weights."""
        return {row.account_id: row for row in self._scope.execute(_readings(), {"ids": list(ids), "at": at})}


def _cause(before: Any, after: Any, *, falling: bool) -> tuple[Dimension, int] | None:
    if before is None or after is None:
        return None
    effects = []
    for name in DIMENSIONS[1:]:
        then, now = before._mapping[name], after._mapping[name]
        if then is not None and now is not None:
            effects.append((after._mapping[f"{name}_weight"] * (now - then), name, now - then))
    effect = (min if falling else max)(effects, default=None)
    return (effect[1], effect[2]) if effect and effect[2] and (effect[2] < 0) is falling else None


def _between(owner_id: int | None, since: datetime, until: datetime) -> dict[str, Any]:
    held = {"before": since, "before_since": since - _FRESH, "most": MOST_MOVERS, "least": LEAST_POINTS}
    return instants(until) | held | {"owner": owner_id}


def _band(name: str | None) -> HealthBand | None:
    return None if name is None else HealthBand(name)


def _band_of(score: Any) -> Any:
    return case(*((score >= lowest, literal(band.value)) for band, lowest in HEALTH_BANDS.items()))


def _owned(owner: bool) -> list[Any]:
    return [Account.owner_id == bindparam("owner")] if owner else []


def spans(ends: Sequence[datetime]) -> dict[str, Any]:
    """Parameters of `band_of_week`, of each number."""
    spans: dict[str, Any] = {}
    for number, end in enumerate(ends):
        spans |= {f"until_{number}": end, f"since_{number}": end - _FRESH}
    return spans


@cache
def _weeks(first: int, owner: bool) -> CompoundSelect[*tuple[Any, ...]]:
    return union_all(*(band_of_week(number).where(*_owned(owner)) for number in range(first, WEEKS)))


def band_of_week(number: int, *beside: Any) -> AnySelect:
    """Live accounts that there were at the end of a week, by band and what is asked for `beside` it."""
    until: BindParameter[datetime] = bindparam(f"until_{number}")
    since: BindParameter[datetime] = bindparam(f"since_{number}")
    point = aliased(AccountHealthScoreHistory)
    score = (
        select(point.overall_score)
        .where(point.account_id == Account.id, point.calculated_at > since, point.calculated_at <= until)
        .order_by(point.calculated_at.desc(), point.id.desc())
        .limit(1)
        .correlate(Account)
        .scalar_subquery()
    )
    return (
        select(
            literal(number).label("week"),
            _band_of(score).label("band"),
            func.count(Account.id).label("accounts"),
            *beside,
        )
        .where(live(), Account.created_at <= until)
        .group_by("band")
    )


@cache
def _moves(owner: bool) -> AnySelect:
    facts = current(*_owned(owner)).c
    before, after = _band_of(facts.health_before).label("before"), _band_of(facts.health).label("after")
    return (
        select(
            before,
            after,
            facts.currency.label("currency"),
            func.count(Account.id).label("accounts"),
            func.sum(facts.arr).label("arr"),
            func.count(facts.arr).label("with_arr"),
        )
        .join(Account, Account.id == facts.account_id)
        .group_by(before, after, facts.currency)
    )


@cache
def _movers(owner: bool) -> AnySelect:
    facts = current(*_owned(owner)).c
    change = facts.health - facts.health_before
    return (
        select(
            *_named(),
            facts.health_before.label("before"),
            facts.health.label("after"),
            func.count(Account.id).over().label("moved"),
        )
        .join(Account, Account.id == facts.account_id)
        .outerjoin(User, User.id == Account.owner_id)
        .where(or_(_band_of(facts.health) != _band_of(facts.health_before), func.abs(change) >= bindparam("least")))
        .order_by(change, Account.id)
        .limit(bindparam("most"))
    )


def _named() -> list[Any]:
    ref = (
        select(func.min(ExternalRef.ref))
        .where(ExternalRef.kind == "account", ExternalRef.target_id == Account.id)
        .correlate(Account)
        .scalar_subquery()
    )
    return [Account.id.label("account_id"), ref.label("reference"), Account.name, User.name.label("owner_name")]


@cache
def _members(owner: bool) -> AnySelect:
    facts = current(*_owned(owner)).c
    return (
        select(*_named(), Account.created_at, facts.currency, facts.arr)
        .join(Account, Account.id == facts.account_id)
        .outerjoin(User, User.id == Account.owner_id)
        .order_by(Account.id)
    )


@cache
def _readings() -> AnySelect:
    point, newer = AccountHealthScoreHistory, aliased(AccountHealthScoreHistory)
    newest = (
        select(func.max(newer.calculated_at))
        .where(newer.account_id == point.account_id, newer.calculated_at <= bindparam("at"))
        .correlate(point)
        .scalar_subquery()
    )
    columns = [getattr(point, f"{name}_score").label(name) for name in DIMENSIONS[1:]]
    weights = [getattr(point, f"{name}_weight") for name in DIMENSIONS[1:]]
    return select(point.account_id, *columns, *weights).where(
        point.account_id.in_(bindparam("ids", expanding=True)), point.calculated_at == newest
    )
