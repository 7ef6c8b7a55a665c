"""Seeded rows of the size that the demo has: 18 months, and per account about 210 activities and 80 health scores."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import insert

from cs_ml.domain.actor import Actor, Role
from cs_ml.store.database import Database
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    CRMActivity,
    ExternalRef,
    Opportunity,
    Pipeline,
    SalesPipelineStage,
    TenantOwned,
)

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
HISTORY_DAYS = 548
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ACTIVITIES, _HEALTH, _CHANGES, _CTAS, _DEALS = 212, 80, 3, 5, 2
_TYPES = ("EMAIL", "CALL", "MEETING", "OTHER")

Rows = list[dict[str, Any]]


def add_tenant(database: Database, slug: str, accounts: int, seed: int = 1) -> tuple[Actor, Sequence[int]]:
    """A tenant with its accounts: its owner as an actor, and the accounts' ids."""
    with database.identity(write=True) as identity:
        tenant_id = identity.add_tenant(slug, slug.title(), NOW)
        email = f"owner@{slug}.example"
        owner = identity.ensure_owners(tenant_id, [email], NOW)[email]
    actor = Actor(tenant_id=tenant_id, role=Role.OWNER, user_id=owner)
    with database.write(actor) as scope:
        pipeline = scope.insert_returning_ids(Pipeline, [{"name": "Sales", "updatedAt": NOW}])[0]
    stage = _add_stage(database, pipeline)
    with database.write(actor) as scope:
        ids = scope.insert_returning_ids(Account, [_account(number, owner) for number in range(accounts)])
        for table, rows in _records(Random(seed), ids, owner, stage):
            scope.insert(table, rows)
    return actor, ids


def _add_stage(database: Database, pipeline: int) -> int:
    """Stages have no tenant of their own, so no `Scope` writes them."""
    row = {"pipelineId": pipeline, "name": "Proposal", "order": 1, "updatedAt": NOW}
    with database.engine.begin() as connection:
        key = connection.execute(insert(SalesPipelineStage), row).inserted_primary_key
    return int(key[0]) if key else 0


def _account(number: int, owner: int) -> dict[str, Any]:
    return {
        "name": f"Account {number}",
        "type": "CUSTOMER",
        "industry": "Software",
        "ownerId": owner,
        "healthScore": 70,
        "engagementScore": 60,
        "customFields": {"nps": 30, "support_tier": "gold"},
        "createdAt": NOW - timedelta(days=HISTORY_DAYS),
        "updatedAt": NOW,
    }


def _records(rng: Random, ids: Sequence[int], owner: int, stage: int) -> Iterator[tuple[type[TenantOwned], Rows]]:
    yield ExternalRef, [{"kind": "account", "ref": f"A-{key}", "targetId": key} for key in ids]
    yield AccountFact, [row for key in ids for row in _facts(rng, key)]
    yield AccountHealthScoreHistory, [_health(rng, key) for key in ids for _ in range(_HEALTH)]
    yield CRMActivity, [_activity(rng, key, owner) for key in ids for _ in range(_ACTIVITIES)]
    yield CTA, [_cta(rng, key, owner) for key in ids for _ in range(_CTAS)]
    yield Opportunity, [_deal(rng, key, owner, stage) for key in ids for _ in range(_DEALS)]


def _day(rng: Random) -> datetime:
    return NOW - timedelta(minutes=rng.randrange(HISTORY_DAYS * 1440))


def _facts(rng: Random, account: int) -> Rows:
    common = {"accountId": account, "createdAt": NOW}
    nothing = dict.fromkeys(
        ("arr", "currency", "plan", "segment", "renewalDate", "lifecycleStage", "seats", "ownerEmail", "customFields")
    )
    changes = [
        {
            "kind": "changed",
            "validFrom": _day(rng),
            "arr": Decimal(rng.randrange(5_000, 90_000)),
            "plan": "Team",
            "renewalDate": NOW + timedelta(days=90),
            "lifecycleStage": "adopted",
            "seats": rng.randrange(5, 200),
            "ownerEmail": "owner@example.com",
        }
        for _ in range(_CHANGES)
    ]
    custom = [
        {"kind": "custom", "validFrom": _day(rng), "customFields": {"nps": 10, "integrations_count": 4}}
        for _ in range(_CHANGES)
    ]
    timeless = {"kind": "timeless", "validFrom": _EPOCH, "segment": "SMB", "currency": "USD"}
    return [{**nothing, **common, **row} for row in (timeless, *changes, *custom)]


def _health(rng: Random, account: int) -> dict[str, Any]:
    score, at = rng.randrange(20, 100), _day(rng)
    dimensions = ("usageScore", "supportScore", "engagementScore", "sentimentScore", "financialScore")
    return {
        "accountId": account,
        "overallScore": score,
        "category": "HEALTHY" if score >= 71 else "AT_RISK" if score >= 31 else "CRITICAL",
        **{name: rng.randrange(100) for name in dimensions},
        "calculatedAt": at,
        "createdAt": at,
    }


def _activity(rng: Random, account: int, owner: int) -> dict[str, Any]:
    at, kind = _day(rng), rng.choice(_TYPES)
    details: dict[str, Any] = {"direction": "inbound", "sentiment": rng.choice(("POSITIVE", "NEUTRAL", "NEGATIVE"))}
    if kind == "OTHER":
        details = {"sourceType": "usage_active_users", "quantity": rng.randrange(40), "amount": rng.random() * 100}
    return {
        "accountId": account,
        "type": kind,
        "subject": "Quarterly review of goals and adoption",
        "completedAt": at,
        "status": "COMPLETED",
        "ownerId": owner,
        "createdById": owner,
        "metadata": details,
        "createdAt": at,
        "updatedAt": at,
    }


def _cta(rng: Random, account: int, owner: int) -> dict[str, Any]:
    at, open_ = _day(rng), rng.random() < 0.3
    return {
        "accountId": account,
        "ownerId": owner,
        "type": "RISK",
        "status": "OPEN" if open_ else "COMPLETED",
        "priority": "HIGH",
        "title": "Call the champion",
        "dueDate": at + timedelta(days=7),
        "completedAt": None if open_ else min(at + timedelta(days=9), NOW),
        "createdAt": at,
        "updatedAt": NOW,
    }


def _deal(rng: Random, account: int, owner: int, stage: int) -> dict[str, Any]:
    at, open_ = _day(rng), rng.random() < 0.5
    return {
        "accountId": account,
        "name": "Renewal",
        "stageId": stage,
        "ownerId": owner,
        "amount": Decimal(rng.randrange(1_000, 50_000)),
        "probability": 40,
        "status": "OPEN" if open_ else "WON",
        "expectedCloseDate": at + timedelta(days=60),
        "actualCloseDate": None if open_ else min(at + timedelta(days=60), NOW),
        "createdAt": at,
        "updatedAt": NOW,
    }
