"""A small tenant with a random past, as an import would leave it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from cs_ml.domain.actor import Actor
from cs_ml.store.database import Database
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountSnapshot,
    CRMActivity,
    JudgedOutcome,
    Opportunity,
)
from tests.support.factories import NOW, add_stage, add_tenant

ACCOUNTS = 24
DAYS = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def random_tenant(database: Database, seed: int) -> tuple[Actor, Sequence[int]]:
    """A tenant of ACCOUNTS accounts over DAYS days before NOW: its owner, and the accounts' ids."""
    rng, actor = Random(seed), add_tenant(database)
    stage = add_stage(database, actor)
    people = {"ownerId": actor.user_id}
    with database.write(actor) as scope:
        ids = scope.insert_returning_ids(Account, [{**people, **_account(rng)} for _ in range(ACCOUNTS)])

        def some(most: int, make: Callable[[Random], dict[str, Any]]) -> list[dict[str, Any]]:
            return [{"accountId": account, **make(rng)} for account in ids for _ in range(rng.randint(0, most))]

        scope.insert(AccountFact, [{"accountId": account, **_timeless(rng)} for account in ids])
        scope.insert(AccountFact, _distinct(some(3, _change), "validFrom"))
        scope.insert(AccountHealthScoreHistory, some(8, _health))
        scope.insert(CRMActivity, [{**row, **people, "createdById": actor.user_id} for row in some(15, _activity)])
        scope.insert(CTA, [{**row, **people} for row in some(3, _cta)])
        scope.insert(Opportunity, [{**row, **people, "stageId": stage} for row in some(2, _deal)])
        scope.insert(AccountSnapshot, _distinct(some(2, _snapshot), "takenAt"))
        scope.insert(JudgedOutcome, _distinct(some(4, _outcome), "asOf"))
    return actor, ids


def _distinct(rows: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return list({(row["accountId"], row[name]): row for row in rows}.values())


def _when(rng: Random) -> datetime:
    """Often at the very end of a day or at midnight, where edges are."""
    day = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC) - timedelta(days=rng.randint(0, DAYS))
    return day + rng.choice(
        [timedelta(0), timedelta(milliseconds=86_399_999), timedelta(seconds=rng.randint(0, 86_399))]
    )


def _account(rng: Random) -> dict[str, Any]:
    custom = {"nps": rng.randint(0, 10)}
    return {
        "name": f"Account {rng.random()}",
        "type": "CUSTOMER",
        "healthScore": rng.randint(3, 100),
        "customFields": custom,
        "createdAt": _when(rng),
        "updatedAt": NOW,
    }


def _timeless(rng: Random) -> dict[str, Any]:
    row = {"kind": "timeless", "validFrom": _EPOCH, "segment": rng.choice(["SMB", "Mid"]), "currency": "EUR"}
    return {**row, "createdAt": NOW}


def _change(rng: Random) -> dict[str, Any]:
    at = _when(rng)
    return {
        "kind": rng.choice(["changed", "listed"]),
        "validFrom": at,
        "arr": rng.choice([None, Decimal(rng.randint(1, 90) * 100)]),
        "seats": rng.choice([None, rng.randint(1, 50)]),
        "renewalDate": rng.choice([None, at + timedelta(days=rng.randint(0, 300))]),
        "createdAt": NOW,
    }


def _health(rng: Random) -> dict[str, Any]:
    at = _when(rng)
    scores = {"overallScore": rng.randint(0, 100), "supportScore": rng.choice([None, rng.randint(0, 100)])}
    return {**scores, "calculatedAt": at, "createdAt": at}


def _activity(rng: Random) -> dict[str, Any]:
    at, lag = _when(rng), timedelta(days=rng.randint(0, 90))
    status = rng.choice(["COMPLETED"] * 5 + ["PLANNED", "CANCELLED"])
    return {
        "type": rng.choice(["EMAIL", "CALL", "MEETING"]),
        "status": status,
        "completedAt": at if status == "COMPLETED" else None,
        "scheduledAt": rng.choice([None, at - lag]),
        "metadata": {"sentiment": rng.choice([None, "NEGATIVE", "POSITIVE"]), "quantity": rng.randint(0, 9)},
        "createdAt": at - lag,
        "updatedAt": at,
    }


def _cta(rng: Random) -> dict[str, Any]:
    created = _when(rng)
    ended = created + timedelta(days=rng.randint(0, 200))
    status = rng.choice(["OPEN", "SNOOZED", "COMPLETED", "CANCELLED"])
    return {
        "type": rng.choice(["RISK", "LIFECYCLE"]),
        "title": f"Task {rng.random()}",
        "status": status,
        "priority": rng.choice(["LOW", "HIGH"]),
        "dueDate": rng.choice([None, created + timedelta(days=rng.randint(0, 60))]),
        "completedAt": ended if status == "COMPLETED" else None,
        "createdAt": created,
        "updatedAt": ended,
    }


def _deal(rng: Random) -> dict[str, Any]:
    created = _when(rng)
    closed = created + timedelta(days=rng.randint(0, 200))
    status = rng.choice(["OPEN", "WON", "LOST", "LOST"])
    return {
        "name": f"Deal {rng.random()}",
        "status": status,
        "amount": Decimal(rng.randint(100, 9_999)),
        "probability": rng.randint(2, 100),
        "actualCloseDate": None if status == "OPEN" else rng.choice([closed, closed, None]),
        "createdAt": created,
        "updatedAt": closed,
    }


def _snapshot(rng: Random) -> dict[str, Any]:
    return {"takenAt": _when(rng), "facts": {"type": "CUSTOMER", "healthScore": rng.randint(0, 100)}}


def _outcome(rng: Random) -> dict[str, Any]:
    return {"asOf": _when(rng), "windowDays": 90, "churned": rng.random() < 0.2, "createdAt": NOW}
