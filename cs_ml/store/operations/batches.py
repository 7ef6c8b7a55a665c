"""Batches and their accounts. Every change is a guarded UPDATE, so that of two workers one gets an account."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from itertools import count, repeat
from typing import Any

from sqlalchemy import delete, false, func, select, update

from cs_ml.domain.errors import NotFound
from cs_ml.domain.jobs import BatchCounts, BatchFilter, BatchRequest, BatchRun, Claim, Finished
from cs_ml.domain.predictions import PredictionType
from cs_ml.store.operations import batch_statements as statements
from cs_ml.store.scope import Scope
from cs_ml.store.tables import BatchItem as Item
from cs_ml.store.tables import BatchRun as Run
from cs_ml.store.tables import ProviderBatch

_COLUMNS = (
    Run.id,
    Run.request,
    Run.state,
    Run.total,
    Run.counts,
    Run.user_id,
    Run.started_at,
    Run.finished_at,
)
_WAITING_AGAIN = {
    Item.state: "waiting",
    Item.attempt: Item.attempt + 1,
    Item.waits: Item.attempt + 1,  # what went wrong before is forgiven
    Item.error: None,
    Item.finished_at: None,
    Item.lease_until: None,
}


class BatchRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, run: BatchRun, key: str, *, scheduled: bool) -> bool:
        """Stores a new run; False where one has that key already."""
        row = {
            "id": run.id,
            "key": key,
            "request": asdict(run.request),
            "state": run.state,
            "total": run.counts.total,
            "scheduled": scheduled,
            "userId": run.user_id,
            "startedAt": run.started_at,
        }
        return self._scope.upsert(Run, row, key=("tenantId", "key"), only_where=false())

    def add_items(self, run_id: str, account_ids: Sequence[int]) -> None:
        """The accounts of a run, the most urgent first."""
        columns = {"accountId": account_ids, "rank": count()}
        same = {"runId": run_id, "state": "waiting", "attempt": 0, "waits": 0}
        self._scope.insert_many(Item, {**columns, **{name: repeat(value) for name, value in same.items()}})

    def get(self, run_id: str) -> BatchRun:
        """Raises NotFound. The counts of a run under way are of now."""
        return self._one(Run.id == run_id)

    def find_key(self, key: str) -> BatchRun | None:
        row = self._scope.execute(select(*_COLUMNS).where(Run.key == key)).first()
        return None if row is None else self._run_of(row)

    def list(self, limit: int, *, user_id: int | None = None) -> Sequence[BatchRun]:
        """Newest first; with `user_id` only what that user started."""
        statement = select(*_COLUMNS).order_by(Run.started_at.desc(), Run.id).limit(limit)
        if user_id is not None:
            statement = statement.where(Run.user_id == user_id)
        return [self._run_of(row) for row in self._scope.execute(statement).all()]

    def unfinished(self) -> Sequence[str]:
        """Ids of the runs under way."""
        return list(self._scope.execute(select(Run.id).where(Run.finished_at.is_(None))).scalars())

    def count_started_since(self, since: datetime) -> int:
        """Runs that people started, for the daily limit."""
        counted = select(func.count(Run.id)).where(Run.started_at >= since, Run.scheduled.is_(False))
        return int(self._scope.execute(counted).scalar() or 0)

    def find_begun(self, run_id: str) -> tuple[BatchRequest, datetime] | None:
        """What a run under way does, and since when; None for one that has ended or does not exist."""
        row = self._scope.execute(statements.begun(), {"run": run_id}).first()
        return None if row is None else (_request_of(row.request), row.started_at)

    def was_spread(self, run_id: str) -> bool:
        """Whether the run's jobs were ever sent."""
        return self._scope.execute(select(Run.spread_at).where(Run.id == run_id)).scalar() is not None

    def any_waiting(self, run_id: str) -> bool:
        """Whether an account of the run has not been begun yet."""
        return self._scope.execute(statements.waiting(), {"run": run_id}).first() is not None

    def left(self, run_id: str) -> Sequence[int]:
        """Accounts that wait or are under way, the most urgent first."""
        return list(self._scope.execute(statements.left(), {"run": run_id}).scalars())

    def claim(self, run_id: str, account_ids: Sequence[int], *, now: datetime, until: datetime) -> Sequence[Claim]:
        """Those of the accounts that nobody works on or has finished, taken until `until`; none once cancelled."""
        params = {"run": run_id, "ids": list(account_ids), "now": now, "until": until}
        rows = self._scope.execute(statements.claim(), params)
        return [
            Claim(run_id=run_id, account_id=row.account_id, attempt=row.attempt, waits=row.waits) for row in rows.all()
        ]

    def leased_until(self, run_id: str, account_id: int) -> datetime | None:
        """Until when somebody works on an account; None where nobody does."""
        return self._scope.execute(statements.leased(), {"run": run_id, "account": account_id}).scalar()

    def finish(self, claim: Claim, end: Finished, now: datetime) -> bool:
        """Ends an account; False where a later attempt took it over, and then nothing is written."""
        values = asdict(end) | {"state": "failed" if end.error else "done", "now": now}
        result: Any = self._scope.execute(statements.finish(), _of(claim) | values)
        return bool(result.rowcount)

    def put_off(self, claim: Claim) -> None:
        """Lets an account wait again, not a fault of its own; in a run that is cancelled it ends there."""
        self._scope.execute(statements.put_off(), _of(claim))

    def renew(self, run_id: str, account_ids: Sequence[int], *, held_until: datetime, until: datetime) -> None:
        """Goes on with the accounts that were claimed until `held_until` and are under way."""
        params = {"run": run_id, "ids": list(account_ids), "held_until": held_until, "until": until}
        self._scope.execute(statements.renew(), params)

    def held(self, run_id: str, account_ids: Sequence[int]) -> Mapping[int, int]:
        """The attempts under way at these accounts, by account; nobody takes them over before this transaction ends."""
        rows = self._scope.execute(statements.holding(), {"run": run_id, "ids": list(account_ids)})
        return {row.account_id: row.attempt for row in rows}

    def is_running(self, run_id: str) -> bool:
        """Whether accounts of the run may be begun."""
        return self._scope.execute(statements.running(), {"run": run_id}).first() is not None

    def spread(self, run_id: str, now: datetime) -> None:
        """Notes when the run's jobs were last sent."""
        self._scope.execute(update(Run).where(Run.id == run_id).values(spread_at=now))

    def moved_since(self, run_id: str, since: datetime) -> bool:
        """Whether an account was finished, or jobs were sent, after an instant."""
        params = {"run": run_id, "since": since}
        return self._scope.execute(statements.moved(), params).first() is not None

    def cancel(self, run_id: str) -> bool:
        """No account of the run is begun from here on; False where it was not running."""
        found: Any = self._scope.execute(
            update(Run).where(Run.id == run_id, Run.state == "running").values(state="cancelling")
        )
        self._scope.execute(
            update(Item).where(Item.run_id == run_id, Item.state == "waiting", _cancelling(run_id))
            .values(state="cancelled")
        )  # fmt: skip
        return bool(found.rowcount)

    def reopen(self, run_id: str, states: Sequence[str]) -> int:
        """Lets the accounts in these states wait again, in a run that is open then; answers how many."""
        found: Any = self._scope.execute(
            update(Item).where(Item.run_id == run_id, Item.state.in_(states)).values(_WAITING_AGAIN)
        )
        if found.rowcount:
            self._scope.execute(
                update(Run).where(Run.id == run_id).values(state="running", counts=None, finished_at=None)
            )
        return int(found.rowcount)

    def close(self, run_id: str, now: datetime) -> bool:
        """Ends the run if none of its accounts is left; True for the one caller that ended it.

        Its key becomes free: the same batch may be started anew, unless a schedule gave the key.
        """
        result: Any = self._scope.execute(statements.close(), {"run": run_id, "now": now})
        if not result.rowcount:
            return False
        counts, errors = self._count(run_id)
        frozen = {**asdict(counts), "cost": str(counts.cost), "errors": dict(errors)}
        self._scope.execute(update(Run).where(Run.id == run_id).values(counts=frozen))
        return True

    def forget_items(self, before: datetime) -> None:
        """Removes the accounts of runs that ended before an instant; the runs and their counts stay."""
        ended = select(Run.id).where(Run.finished_at < before)
        self._scope.execute(delete(Item).where(Item.run_id.in_(ended)))
        self._scope.execute(delete(ProviderBatch).where(ProviderBatch.run_id.in_(ended)))

    def _one(self, condition: Any) -> BatchRun:
        row = self._scope.execute(select(*_COLUMNS).where(condition)).first()
        if row is None:
            raise NotFound("There is no such batch.", code="BATCH_NOT_FOUND")
        return self._run_of(row)

    def _run_of(self, row: Any) -> BatchRun:
        if row.counts is None:
            counts, errors = self._count(row.id)
        else:
            stored = dict(row.counts)
            errors = stored.pop("errors")
            counts = BatchCounts(**{**stored, "cost": Decimal(stored["cost"])})
        return BatchRun(
            id=row.id,
            request=_request_of(row.request),
            state=row.state,
            counts=counts,
            errors=errors,
            user_id=row.user_id,
            started_at=row.started_at,
            finished_at=row.finished_at,
        )

    def _count(self, run_id: str) -> tuple[BatchCounts, Mapping[str, int]]:
        numbers: dict[str, int] = {}
        errors: dict[str, int] = {}
        total, unknown, cost = 0, 0, Decimal(0)
        for row in self._scope.execute(statements.counted(), {"run": run_id}):
            name = row.outcome or row.state
            numbers[name] = numbers.get(name, 0) + row.accounts
            total, unknown = total + row.accounts, unknown + (row.unknown or 0)
            cost += Decimal(str(row.cost)) if row.cost is not None else 0
            if row.error:
                errors[row.error] = row.accounts
        named = ("computed", "cached", "fallback", "failed", "cancelled")
        counts = {name: numbers.get(name, 0) for name in named}
        return BatchCounts(total=total, cost=cost, unknown_cost=unknown, **counts), errors


def _request_of(stored: Mapping[str, Any]) -> BatchRequest:
    return BatchRequest(
        **{**stored, "type": PredictionType(stored["type"]), "filter": BatchFilter(stored["filter"])}
    )  # fmt: skip


def _of(claim: Claim) -> dict[str, Any]:
    return {"run": claim.run_id, "account": claim.account_id, "held": claim.attempt}


def _cancelling(run_id: str) -> Any:
    return Item.run_id.in_(select(Run.id).where(Run.id == run_id, Run.state == "cancelling"))
