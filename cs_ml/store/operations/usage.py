"""The books of the language model: one AIUsageEvent per attempt, and what is reserved for calls under way."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam, case, delete, func, select

from cs_ml.domain.llm.usage import Attempt, UsageSum
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import AIUsageEvent, TenantSetting, UsageDay

_TOOL = {"toolId": "customer-success-ml", "toolName": "Customer Success ML"}
_RESERVED = "reserved"  # the errorType of a call under way; where a process dies in it, the row stays and counts
_DAY_COLUMNS = (
    UsageDay.day,
    UsageDay.model,
    UsageDay.operation,
    UsageDay.attempts,
    UsageDay.failed,
    UsageDay.prompt_tokens,
    UsageDay.completion_tokens,
    UsageDay.cost,
    UsageDay.unknown_cost,
)


class UsageRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def save(self, attempts: Sequence[Attempt], account_id: int | None) -> None:
        """Writes down attempts of the actor for an account. An unknown cost is 0 with `costKnown` false."""
        self.save_each([(attempt, account_id) for attempt in attempts])

    def save_each(self, attempts: Sequence[tuple[Attempt, int | None]]) -> None:
        """The same, each for an account of its own."""
        self._scope.insert(AIUsageEvent, [self._row(attempt, account_id) for attempt, account_id in attempts])

    def lock_budget(self) -> None:
        """Lets no other transaction pass here until this one ends. The budget's own row is the lock: without a budget
        nobody waits. (On SQLite a writing transaction is alone anyway.)"""
        self._scope.execute(_budget_row()).first()

    def spent_since(self, since: datetime) -> Decimal:
        """US dollars of known cost since an instant, what is reserved included."""
        spent = self._scope.execute(_spent(), {"since": since}).scalar()
        return Decimal(0) if spent is None else Decimal(spent)

    def reserve(self, operation: str, model: str, expected: Decimal, now: datetime) -> str:
        """Books the expected US dollars of a call that is about to begin; the id to `release`."""
        row = self._event(operation, model, expected, now)
        self._scope.insert(AIUsageEvent, [{**row, "success": False, "errorType": _RESERVED}])
        reservation: str = row["id"]
        return reservation

    def release(self, reservation: str) -> None:
        self._scope.execute(_release(), {"reservation": reservation})

    def usual(self, since: datetime, until: datetime) -> Mapping[bool, tuple[Decimal, float]]:
        """US dollars and seconds of a churn prediction by a model, on average over successful calls of known cost in
        [since, until): of those answered at once (True) and of those asked overnight (False), where there were any."""
        rows = self._scope.execute(_usual(), {"since": since, "until": until})
        return {bool(row.at_once): (Decimal(str(row.cost)), float(row.latency) / 1000) for row in rows}

    def sums(self, since: datetime, until: datetime) -> Sequence[UsageSum]:
        """By UTC day, model and operation, from `since` up to and without `until`, oldest first."""
        rows = self._scope.execute(_sums(), {"since": since, "until": until})
        return [
            UsageSum(
                day=row.day if isinstance(row.day, date) else date.fromisoformat(row.day),
                model=row.model,
                operation=row.operation,
                attempts=row.attempts,
                failed=row.failed,
                prompt_tokens=row.prompt_tokens,
                completion_tokens=row.completion_tokens,
                cost=row.cost,
                unknown_cost=row.unknown_cost,
                unsettled=row.unsettled,
            )
            for row in rows
        ]

    def first_day(self) -> date | None:
        """The UTC day of the oldest attempt."""
        found = self._scope.execute(select(func.min(AIUsageEvent.created_at))).scalar()
        return None if found is None else found.date()

    def last_day(self) -> date | None:
        """The newest day that was added up."""
        return self._scope.execute(select(func.max(UsageDay.day))).scalar()

    def roll_up(self, since: datetime, until: datetime) -> int:
        """Adds up the days in [since, until), both at midnight UTC, again where they were before; answers how many."""
        found = self.sums(since, until)
        for each in found:
            row = {
                "day": each.day,
                "model": each.model,
                "operation": each.operation,
                "attempts": each.attempts,
                "failed": each.failed,
                "promptTokens": each.prompt_tokens,
                "completionTokens": each.completion_tokens,
                "cost": each.cost,
                "unknownCost": each.unknown_cost,
            }
            self._scope.upsert(UsageDay, row, key=("tenantId", "day", "model", "operation"))
        return len({each.day for each in found})

    def days(self, since: date) -> Sequence[UsageSum]:
        """What was added up, from a day on, oldest first."""
        newest_last = select(*_DAY_COLUMNS).where(UsageDay.day >= since).order_by(UsageDay.day, UsageDay.model)
        rows = self._scope.execute(newest_last)
        return [UsageSum(**row._mapping, unsettled=0) for row in rows]

    def count_before(self, before: datetime) -> int:
        """Attempts that were made before an instant."""
        counted = select(func.count(AIUsageEvent.id)).where(_made_before())
        return int(self._scope.execute(counted, {"before": before}).scalar_one())

    def forget(self, before: datetime) -> int:
        """Removes the attempts made before an instant, which have to be added up by then; answers how many."""
        gone: Any = self._scope.execute(delete(AIUsageEvent).where(_made_before()), {"before": before})
        return int(gone.rowcount)

    def _row(self, attempt: Attempt, account_id: int | None) -> dict[str, Any]:
        usage = attempt.usage
        return {
            **self._event(attempt.operation, attempt.model, attempt.cost or Decimal(0), attempt.created_at),
            "promptTokens": usage.prompt,
            "completionTokens": usage.completion,
            "totalTokens": usage.total,
            "latencyMs": attempt.latency_ms or 0,
            "success": attempt.success,
            "errorType": attempt.error_type,
            "entityType": None if account_id is None else "Account",
            "entityId": None if account_id is None else str(account_id),
            "metadata": {
                "costKnown": attempt.cost is not None,
                "priceVersion": attempt.price_version,
                "cachedTokens": usage.cached,
                "tokensEstimated": usage.estimated,
                **({"overnight": True} if attempt.latency_ms is None else {}),
            },
        }

    def _event(self, operation: str, model: str, cost: Decimal, at: datetime) -> dict[str, Any]:
        return {
            **_TOOL,
            "id": uuid4().hex,
            "operation": operation,
            "model": model,
            "estimatedCost": cost,
            "userId": self._scope.actor.user_id,
            "createdAt": at,
        }


def _made_before() -> Any:
    return (AIUsageEvent.tool_id == _TOOL["toolId"]) & (AIUsageEvent.created_at < bindparam("before"))


def _is_ours() -> Any:
    return (AIUsageEvent.tool_id == _TOOL["toolId"]) & (AIUsageEvent.created_at >= bindparam("since"))


def answered_at_once() -> Any:
    """Calls whose latency is that of the provider: not those asked overnight."""
    return AIUsageEvent.details["overnight"].as_boolean().is_not(True)


@cache
def _budget_row() -> AnySelect:
    return select(TenantSetting.key).where(TenantSetting.key == "llm_budget_usd_month").with_for_update()


@cache
def _spent() -> AnySelect:
    return select(func.sum(AIUsageEvent.estimated_cost)).where(_is_ours())


@cache
def _release() -> Any:
    return delete(AIUsageEvent).where(AIUsageEvent.id == bindparam("reservation"), AIUsageEvent.error_type == _RESERVED)


@cache
def _usual() -> AnySelect:
    event = AIUsageEvent
    at_once = case((answered_at_once(), 1), else_=0)
    return (
        select(
            at_once.label("at_once"),
            func.avg(event.estimated_cost).label("cost"),
            func.avg(event.latency_ms).label("latency"),
        )
        .where(
            _is_ours(),
            event.created_at < bindparam("until"),
            event.operation == "churn-prediction",
            event.success.is_(True),
            event.details["costKnown"].as_boolean().is_(True),
        )
        .group_by("at_once")
    )


@cache
def _sums() -> AnySelect:
    event = AIUsageEvent
    reserved = (event.error_type == _RESERVED) & event.error_type.is_not(None)

    def count(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    day = func.date(event.created_at)
    return (
        select(
            day.label("day"),
            event.model,
            event.operation,
            count(~reserved).label("attempts"),
            count(event.success.is_(False) & ~reserved).label("failed"),
            func.sum(event.prompt_tokens).label("prompt_tokens"),
            func.sum(event.completion_tokens).label("completion_tokens"),
            func.sum(event.estimated_cost).label("cost"),
            count(event.details["costKnown"].as_boolean().is_(False)).label("unknown_cost"),
            count(reserved).label("unsettled"),
        )
        .where(_is_ours(), event.created_at < bindparam("until"))
        .group_by(day, event.model, event.operation)
        .order_by(day, event.model, event.operation)
    )
