"""Accounts by band of health at the ends of past days, counted once a day: what a large portfolio's history is read
from, whatever the number of accounts."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import CompoundSelect, Date, bindparam, delete, select, union_all

from cs_ml.domain.health.movements import WEEKS, BandWeek, week_ends
from cs_ml.domain.policy import HealthBand
from cs_ml.store.portfolio.movements import band_of_week, spans
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import Account, BandDay

_EVERYBODY = 0  # no user has this id
_NO_SCORE = ""

# (number of the week's end, owner, band, accounts)
Counted = tuple[int, int | None, str | None, int]


class BandDayRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def kept(self, owner_id: int | None, until: datetime) -> Sequence[BandWeek] | None:
        """The ends of weeks before `until`, oldest first. None where they were not counted since the day began, or are
        not the actor's to see: the counts are of all accounts."""
        if self._scope.actor.scope != "all":
            return None
        ends = week_ends(until)[:-1]
        owner = owner_id or _EVERYBODY
        params = {"days": [end.date() for end in ends], "owners": [_EVERYBODY, owner]}
        rows = self._scope.execute(_kept(), params).all()
        if len({row.day for row in rows if row.owner_id == _EVERYBODY}) < len(ends):
            return None
        return [
            BandWeek(
                at=end,
                accounts={
                    HealthBand(row.band) if row.band else None: row.accounts
                    for row in rows
                    if (row.day, row.owner_id) == (end.date(), owner) and row.accounts
                },
            )
            for end in ends
        ]

    def count(self, until: datetime) -> Sequence[Counted]:
        """From the scores themselves, by the owners of now."""
        rows = self._scope.execute(_counts(), spans(week_ends(until)))
        return [(row.week, row.owner_id, row.band, row.accounts) for row in rows]

    def keep(self, until: datetime, counted: Sequence[Counted]) -> None:
        """In place of what was kept of these days, and of days before them. A day is there once everybody's accounts
        without a score are, were they none."""
        days = [end.date() for end in week_ends(until)[:-1]]
        sums = {(day, _EVERYBODY, _NO_SCORE): 0 for day in days}
        for week, owner_id, band, accounts in counted:
            for owner in {_EVERYBODY, owner_id} - {None}:
                key = (days[week], owner or _EVERYBODY, band or _NO_SCORE)
                sums[key] = sums.get(key, 0) + accounts
        self._scope.lock_tenant()
        self._scope.execute(delete(BandDay).where(BandDay.day.in_(days) | (BandDay.day < days[0])))
        rows = [
            {"day": day, "ownerId": owner, "band": band, "accounts": accounts}
            for (day, owner, band), accounts in sums.items()
        ]
        self._scope.insert(BandDay, rows)


@cache
def _kept() -> AnySelect:
    return select(BandDay.day, BandDay.owner_id, BandDay.band, BandDay.accounts).where(
        BandDay.day.in_(bindparam("days", expanding=True, type_=Date)),
        BandDay.owner_id.in_(bindparam("owners", expanding=True)),
    )


@cache
def _counts() -> CompoundSelect[*tuple[object, ...]]:
    weeks = [
        band_of_week(number, Account.owner_id.label("owner_id")).group_by("owner_id") for number in range(WEEKS - 1)
    ]
    return union_all(*weeks)
