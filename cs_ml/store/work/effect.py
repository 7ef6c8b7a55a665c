"""What the effect of playbooks is told from: their uses, and the health of those accounts and of some others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select

from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import CTA, Account, AccountHealthScoreHistory, AccountMLPrediction


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A CTA that was made with a playbook."""

    playbook_id: int
    account_id: int
    began: datetime
    completed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A health score 0..100, or (`band`) the risk that was predicted at an instant."""

    account_id: int
    at: datetime
    score: int = 0
    band: str = ""


class EffectRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def uses(self, now: datetime, *, limit: int) -> Sequence[Use]:
        """The newest first."""
        rows = self._scope.execute(_uses(), {"now": now, "limit": limit})
        return [
            Use(
                playbook_id=row.playbook_id,
                account_id=row.account_id,
                began=row.created_at,
                completed=row.status == "COMPLETED",
            )
            for row in rows
        ]

    def others(self, *, limit: int) -> Sequence[int]:
        """Some accounts, whichever, but always the same ones."""
        return list(self._scope.execute(_others(), {"limit": limit}).scalars())

    def health(self, account_ids: Sequence[int], since: datetime, until: datetime) -> Sequence[Reading]:
        """In (since, until], by account, oldest first."""
        rows = self._scope.execute(_health(), {"ids": list(account_ids), "since": since, "until": until})
        return [Reading(account_id=row.account_id, at=row.calculated_at, score=row.overall_score) for row in rows]

    def bands(self, account_ids: Sequence[int], since: datetime, until: datetime) -> Sequence[Reading]:
        """Predicted risk as of instants in (since, until], by account, oldest first."""
        rows = self._scope.execute(_bands(), {"ids": list(account_ids), "since": since, "until": until})
        return [Reading(account_id=row.account_id, at=row.as_of, band=row.category or "") for row in rows]


@cache
def _uses() -> AnySelect:
    return (
        select(CTA.playbook_id, CTA.account_id, CTA.created_at, CTA.status)
        .where(CTA.playbook_id.is_not(None), CTA.account_id.is_not(None), CTA.created_at <= bindparam("now"))
        .order_by(CTA.created_at.desc(), CTA.id.desc())
        .limit(bindparam("limit"))
    )


@cache
def _others() -> AnySelect:
    shuffled: Any = ((Account.id % 1009) * 7919) % 1009  # taken first: a large id times a prime would not fit
    return select(Account.id).order_by(shuffled, Account.id).limit(bindparam("limit"))


@cache
def _health() -> AnySelect:
    point = AccountHealthScoreHistory
    return (
        select(point.account_id, point.calculated_at, point.overall_score)
        .where(
            point.account_id.in_(bindparam("ids", expanding=True)),
            point.calculated_at > bindparam("since"),
            point.calculated_at <= bindparam("until"),
        )
        .order_by(point.account_id, point.calculated_at, point.id)
    )


@cache
def _bands() -> AnySelect:
    stored = AccountMLPrediction
    return (
        select(stored.account_id, stored.as_of, stored.category)
        .where(
            stored.account_id.in_(bindparam("ids", expanding=True)),
            stored.prediction_type == "CHURN",
            stored.as_of > bindparam("since"),
            stored.as_of <= bindparam("until"),
        )
        .order_by(stored.account_id, stored.as_of, stored.id)
    )
