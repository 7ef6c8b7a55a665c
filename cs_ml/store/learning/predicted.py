"""How many predictions there were of whom: what is left of those that went with a deleted account."""

from functools import cache
from typing import Any

from sqlalchemy import Text, bindparam, cast, func, literal, select, update

from cs_ml.domain.predictions import PredictionType
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import Account, AccountMLPrediction, PredictedAccount

Counted = PredictedAccount
Stored = AccountMLPrediction


class PredictedRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def count(self) -> None:
        """Counts the predictions of every account anew, and parts the counts of deleted ones from their ids, which a
        database may give to others. Three statements, whatever the number of accounts."""
        self._scope.execute(_part())
        self._scope.execute(_recount())
        new = self._scope.execute(_uncounted()).all()
        self._scope.insert(
            Counted,
            [
                {
                    "accountId": row.account_id,
                    "predictionType": row.prediction_type,
                    "replayed": bool(row.replayed),
                    "number": row.number,
                }
                for row in new
            ],
        )

    def deleted(self, kind: PredictionType, *, replays: bool) -> int:
        """Predictions of a type that went with their accounts. None for somebody limited to accounts of their own:
        whose those were is not known any more."""
        if self._scope.actor.scope == "owned":
            return 0
        return int(self._scope.execute(_deleted(), {"kind": kind.value, "replayed": replays}).scalar() or 0)


def _replayed() -> Any:
    return Stored.origin == "replay"


@cache
def _part() -> Any:
    there = select(literal(1)).where(Account.id == Counted.account_id).correlate(Counted).exists()
    return update(Counted).where(Counted.account_id.is_not(None), ~there).values(account_id=None)


@cache
def _recount() -> Any:
    number = (
        select(func.count(Stored.id))
        .where(
            Stored.account_id == Counted.account_id,
            cast(Stored.prediction_type, Text) == Counted.prediction_type,
            Stored.engine.is_not(None),
            _replayed() == Counted.replayed,
        )
        .correlate(Counted)
        .scalar_subquery()
    )
    return update(Counted).where(Counted.account_id.is_not(None)).values(number=number)


@cache
def _uncounted() -> AnySelect:
    replayed = _replayed().label("replayed")
    known = (
        select(literal(1))
        .where(
            Counted.account_id == Stored.account_id,
            Counted.prediction_type == cast(Stored.prediction_type, Text),
            Counted.replayed == _replayed(),
        )
        .correlate(Stored)
        .exists()
    )
    return (
        select(Stored.account_id, Stored.prediction_type, replayed, func.count(Stored.id).label("number"))
        .where(Stored.engine.is_not(None), ~known)
        .group_by(Stored.account_id, Stored.prediction_type, replayed)
    )


@cache
def _deleted() -> AnySelect:
    return select(func.sum(Counted.number)).where(
        Counted.account_id.is_(None),
        Counted.prediction_type == bindparam("kind"),
        Counted.replayed == bindparam("replayed"),
    )
