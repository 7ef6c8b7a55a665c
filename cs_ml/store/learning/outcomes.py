"""Outcomes as facts: churn that people record, and what became of any window that is asked about."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, delete, false, literal, select, update

from cs_ml.domain.truth.outcomes import Outcome, OutcomeSource, RecordedChurn, Unjudged
from cs_ml.store.accounts import not_found
from cs_ml.store.learning.windows import asked_windows, came_true, source_of_churn, source_of_stay, stayed, why_unjudged
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import Account, ChurnEvent

_CHURN_KEY = ("tenantId", "accountId", "churnedAt")


class OutcomeRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def verdicts(
        self, account_ids: Sequence[int], as_of: datetime, window_days: int, *, known_by: datetime, complete: datetime
    ) -> Mapping[int, Outcome]:
        """What became of the accounts in (as_of, as_of + window], by what was known at `known_by`: nothing dated later
        counts. An account without a churn date has stayed only up to `complete`."""
        params = {
            "ids": list(account_ids),
            "start": as_of,
            "end": as_of + timedelta(days=window_days),
            "window": window_days,
            "now": known_by,
            "complete": min(complete, known_by),
        }
        rows = self._scope.execute(_verdicts(self._scope.dialect), params)
        return {row.id: _outcome(row) for row in rows}

    def has_exact_churn(self, now: datetime) -> bool:
        """Whether any churn date up to `now` is exactly known: then somebody records them."""
        return self._scope.execute(_exact(), {"now": now}).first() is not None

    def record(self, account_id: int, at: datetime, reason: str | None, now: datetime) -> bool:
        """The account left at `at`; its type becomes CHURNED. False where a churn at that instant is known already.

        Raises NotFound.
        """
        before = self._scope.execute(_type(), {"account": account_id}).scalar()
        if before is None:
            raise not_found()
        row = {
            "accountId": account_id,
            "churnedAt": at,
            "reason": reason,
            "approximate": False,
            "recordedById": self._scope.actor.user_id,
            "typeBefore": before,
            "createdAt": now,
        }
        if not self._scope.upsert(ChurnEvent, row, key=_CHURN_KEY, only_where=false()):
            return False
        self._set_type(account_id, "CHURNED", now)
        return True

    def newest_recorded(self, account_id: int) -> RecordedChurn | None:
        """The churn that a person recorded last."""
        row = self._scope.execute(_recorded(), {"account": account_id}).first()
        if row is None:
            return None
        return RecordedChurn(id=row.id, churned_at=row.churned_at, reason=row.reason, recorded_at=row.created_at)

    def take_back(self, account_id: int, event_id: int, now: datetime) -> bool:
        """Removes what a person recorded and gives the account its type back; False where there is no such record."""
        params = {"account": account_id, "event": event_id}
        row = self._scope.execute(_one_recorded(), params).first()
        if row is None:
            return False
        self._scope.execute(delete(ChurnEvent).where(ChurnEvent.id == event_id, ChurnEvent.account_id == account_id))
        self._set_type(account_id, row.type_before or "CUSTOMER", now)
        return True

    def note_gone(self, now: datetime) -> int:
        """Accounts that the CRM calls churned or archived and whose churn nobody recorded get an approximate date: when
        their row last changed. Answers how many."""
        rows = self._scope.execute(_gone(), {"now": now}).all()
        self._scope.insert(
            ChurnEvent,
            [{"accountId": row.id, "churnedAt": row.updated_at, "approximate": True, "createdAt": now} for row in rows],
        )
        return len(rows)

    def _set_type(self, account_id: int, kind: str, now: datetime) -> None:
        statement = update(Account).where(Account.id == account_id).values(type=kind, updated_at=now)
        self._scope.execute(statement)


def _outcome(row: Any) -> Outcome:
    return Outcome(
        account_id=row.id,
        churned=None if row.churned is None else bool(row.churned),
        source=OutcomeSource(row.source) if row.source else None,
        unjudged=Unjudged(row.unjudged) if row.churned is None else None,
    )


@cache
def _verdicts(dialect: str) -> AnySelect:
    windows = asked_windows(dialect)
    left, kept = came_true(windows), stayed(windows)
    return select(
        Account.id,
        case((left, 1), (kept, 0)).label("churned"),
        case((left, source_of_churn(windows)), (kept, source_of_stay(windows))).label("source"),
        why_unjudged(windows).label("unjudged"),
    ).where(Account.id.in_(bindparam("ids", expanding=True)))


@cache
def _exact() -> AnySelect:
    return (
        select(ChurnEvent.id)
        .where(ChurnEvent.approximate.is_(False), ChurnEvent.churned_at <= bindparam("now"))
        .limit(1)
    )


@cache
def _type() -> AnySelect:
    return select(Account.type).where(Account.id == bindparam("account"))


@cache
def _recorded() -> AnySelect:
    event = ChurnEvent
    return (
        select(event.id, event.churned_at, event.reason, event.created_at)
        .where(event.account_id == bindparam("account"), event.type_before.is_not(None))
        .order_by(event.created_at.desc(), event.id.desc())
        .limit(1)
    )


@cache
def _one_recorded() -> AnySelect:
    event = ChurnEvent
    return select(event.id, event.type_before).where(
        event.account_id == bindparam("account"), event.id == bindparam("event"), event.type_before.is_not(None)
    )


@cache
def _gone() -> AnySelect:
    noted = (
        select(literal(1))
        .select_from(ChurnEvent)
        .where(ChurnEvent.account_id == Account.id)
        .correlate(Account)
        .exists()
    )
    gone = (Account.type == "CHURNED") | Account.archived.is_(True)
    return select(Account.id, Account.updated_at).where(gone, Account.updated_at <= bindparam("now"), ~noted)
