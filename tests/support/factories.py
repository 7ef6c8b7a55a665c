"""Rows that are valid by default: a test names only what matters to it.

`overrides` are attribute names of the mapped class, e.g. `add_account(database, actor, name="Acme")`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import class_mapper

from cs_ml.domain.actor import Actor, Role
from cs_ml.store.database import Database
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountMLPrediction,
    AccountSnapshot,
    BacktestRun,
    ChurnEvent,
    CRMActivity,
    CRMContact,
    CTATask,
    ExternalRef,
    JudgedOutcome,
    Opportunity,
    Pipeline,
    Playbook,
    PlaybookTask,
    SalesPipelineStage,
    Tenant,
    TenantOwned,
    TenantUser,
    User,
)

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)

_numbers = count(1)

# A suggested CTA as it is stored with a prediction; without a playbook, due on the Monday after NOW.
SUGGESTED: Mapping[str, Any] = {
    "title": "Call the main contact this week",
    "reason": "75% chance of leaving within 90 days, where 10% is usual.",
    "dataPoints": [{"id": "M1", "at": NOW.isoformat(), "text": "Silence ahead: no contact for 40 days"}],
    "type": "RISK",
    "priority": "HIGH",
    "due": "2026-07-06",
    "dueDays": 5,
    "dueRule": "High risk, this week: within 5 days, moved to the next working day.",
    "ownerId": None,
    "playbookId": None,
    "playbookName": None,
    "playbookBecause": None,
    "triggerRule": "ML_CHURN",
}


def add_tenant(database: Database, slug: str | None = None, **overrides: Any) -> Actor:
    """A tenant (its id is `tenant-SLUG`) with one user, who is its owner; that user as an actor."""
    slug = slug or f"t{next(_numbers)}"
    tenant_id = f"tenant-{slug}"
    _identity(database, Tenant, {"id": tenant_id, "name": slug.title(), "slug": slug, "updated_at": NOW, **overrides})
    user_id = add_user(database)
    membership = {"tenant_id": tenant_id, "user_id": user_id, "role": "OWNER", "updated_at": NOW}
    _identity(database, TenantUser, membership)
    return Actor(tenant_id=tenant_id, role=Role.OWNER, user_id=user_id)


def add_user(database: Database, **overrides: Any) -> int:
    """The id of a user of no tenant, who cannot sign in."""
    number = next(_numbers)
    row = {
        "name": f"User {number}",
        "email": f"user{number}@example.com",
        "password_hash": "!",
        "timezone": "UTC",
        "created_at": NOW,
        "updated_at": NOW,
    }
    key: int = _identity(database, User, row | overrides)
    return key


def add_account(database: Database, actor: Actor, **overrides: Any) -> int:
    """The id of a customer since 2024, owned by the actor."""
    row = {
        "name": f"Account {next(_numbers)}",
        "type": "CUSTOMER",
        "owner_id": actor.user_id,
        "created_at": datetime(2024, 1, 1, tzinfo=UTC),
        "updated_at": NOW,
    }
    return _owned(database, actor, Account, row | overrides)


def add_contact(database: Database, actor: Actor, account_id: int, **overrides: Any) -> int:
    row = {"account_id": account_id, "first_name": "Ada", "last_name": f"Number{next(_numbers)}", "updated_at": NOW}
    return _owned(database, actor, CRMContact, row | overrides)


def add_health(database: Database, actor: Actor, account_id: int, **overrides: Any) -> int:
    """A health score measured at NOW."""
    at = overrides.get("calculated_at", NOW)
    score = overrides.get("overall_score", 75)
    row = {
        "account_id": account_id,
        "overall_score": score,
        "category": "HEALTHY" if score >= 71 else "AT_RISK" if score >= 31 else "CRITICAL",
        "calculated_at": at,
        "created_at": at,
    }
    return _owned(database, actor, AccountHealthScoreHistory, row | overrides)


def add_activity(database: Database, actor: Actor, account_id: int, **overrides: Any) -> int:
    """A call completed at NOW; `completed_at` is its date and, unless given, its `created_at`."""
    at = overrides.get("completed_at") or NOW
    row = {
        "account_id": account_id,
        "type": "CALL",
        "subject": "Check-in",
        "status": "COMPLETED",
        "completed_at": at,
        "owner_id": actor.user_id,
        "created_by_id": actor.user_id,
        "created_at": at,
        "updated_at": at,
    }
    return _owned(database, actor, CRMActivity, row | overrides)


def add_cta(database: Database, actor: Actor, account_id: int, **overrides: Any) -> int:
    """An open CTA created at NOW."""
    row = {
        "account_id": account_id,
        "owner_id": actor.user_id,
        "type": "RISK",
        "title": f"Task {next(_numbers)}",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return _owned(database, actor, CTA, row | overrides)


def add_task(database: Database, cta_id: int, **overrides: Any) -> int:
    """A task of a CTA, not started."""
    row = {"cta_id": cta_id, "title": f"Step {next(_numbers)}", "status": "NOT_STARTED", "updated_at": NOW}
    key: int = _identity(database, CTATask, row | overrides)
    return key


def add_playbook(database: Database, actor: Actor, *steps: int, **overrides: Any) -> int:
    """An active playbook for risk CTAs; `steps` are the days from the start on which its tasks are due."""
    row = {"name": f"Playbook {next(_numbers)}", "status": "ACTIVE", "cta_type": "RISK", "updated_at": NOW}
    playbook_id = _owned(database, actor, Playbook, row | overrides)
    for order, days in enumerate(steps):
        step = {"playbook_id": playbook_id, "title": f"Step {order + 1}", "days_from_start": days, "updated_at": NOW}
        _identity(database, PlaybookTask, step | {"order_index": order})
    return playbook_id


def add_stage(database: Database, actor: Actor, **overrides: Any) -> int:
    """The id of a stage in a pipeline of its own."""
    pipeline_id = _owned(database, actor, Pipeline, {"name": f"Pipeline {next(_numbers)}", "updated_at": NOW})
    row = {"pipeline_id": pipeline_id, "name": "Proposal", "order": 1, "updated_at": NOW}
    key: int = _identity(database, SalesPipelineStage, row | overrides)
    return key


def add_opportunity(database: Database, actor: Actor, account_id: int, **overrides: Any) -> int:
    """An open opportunity created at NOW, in a pipeline of its own unless `stage_id` is given."""
    row = {
        "account_id": account_id,
        "name": f"Deal {next(_numbers)}",
        "owner_id": actor.user_id,
        "created_at": NOW,
        "updated_at": NOW,
    }
    if "stage_id" not in overrides:
        row["stage_id"] = add_stage(database, actor)
    return _owned(database, actor, Opportunity, row | overrides)


def add_churn(database: Database, actor: Actor, account_id: int, **overrides: Any) -> int:
    row = {"account_id": account_id, "churned_at": NOW, "approximate": False, "created_at": NOW}
    return _owned(database, actor, ChurnEvent, row | overrides)


def add_backtest(database: Database, actor: Actor, **overrides: Any) -> int:
    """A backtest of the rules that runs since NOW."""
    row = {
        "engine": "rules",
        "first_day": "2026-01-01",
        "last_day": "2026-02-01",
        "every_days": 30,
        "window_days": 90,
        "status": "running",
        "dates": 2,
        "done": 1,
        "predictions": 3,
        "cancelled": False,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return _owned(database, actor, BacktestRun, row | overrides)


def add_prediction(database: Database, actor: Actor, account_id: int, **overrides: Any) -> int:
    """An active churn prediction of the rules, as it is stored, made at NOW and valid for 30 days."""
    row = {
        "account_id": account_id,
        "prediction_type": "CHURN",
        "probability": 0.25,
        "confidence": 0.6,
        "risk_factors": [],
        "predicted_at": NOW,
        "valid_until": NOW.replace(month=7),
        "as_of": NOW,
        "engine": "rules",
        "engine_version": "1",
        "origin": "single",
        "base_rate": 0.1,
        "category": "low",
        "drivers": [],
        "parts": {"base": 0.25, "window": 0.0, "clipping": 0.0, "protective": []},
        "evidence": [],
        "explanation": "",
        "recommendations": [],
        "completeness": {"score": 0.9, "missing": []},
        "created_at": NOW,
        "updated_at": NOW,
    }
    return _owned(database, actor, AccountMLPrediction, row | overrides)


def add_fact(database: Database, actor: Actor, account_id: int, kind: str = "changed", **overrides: Any) -> int:
    """What was known of an account from 2024 on; `kind` as `AccountFact` says."""
    row = {"account_id": account_id, "kind": kind, "valid_from": datetime(2024, 1, 1, tzinfo=UTC), "created_at": NOW}
    return _owned(database, actor, AccountFact, row | overrides)


def add_snapshot(database: Database, actor: Actor, account_id: int, taken_at: datetime, **facts: Any) -> int:
    """What the CRM's row said on a day; `facts` by the names of its columns."""
    return _owned(database, actor, AccountSnapshot, {"account_id": account_id, "taken_at": taken_at, "facts": facts})


def add_reference(database: Database, actor: Actor, account_id: int, ref: str) -> None:
    """The name under which the account was imported."""
    with database.write(actor) as scope:
        scope.insert(ExternalRef, [{"kind": "account", "ref": ref, "targetId": account_id}])


def add_outcome(database: Database, actor: Actor, account_id: int, **overrides: Any) -> int:
    """A window of 90 days from the start of 2026 that the account survived."""
    row = {
        "account_id": account_id,
        "as_of": datetime(2026, 1, 1, tzinfo=UTC),
        "window_days": 90,
        "churned": False,
        "created_at": NOW,
    }
    return _owned(database, actor, JudgedOutcome, row | overrides)


def _columns(entity: type[Any], row: dict[str, Any]) -> dict[str, Any]:
    mapper = class_mapper(entity)
    return {mapper.columns[attribute].name: value for attribute, value in row.items()}


def _owned(database: Database, actor: Actor, entity: type[TenantOwned], row: dict[str, Any]) -> int:
    with database.write(actor) as scope:
        return scope.insert_returning_ids(entity, [_columns(entity, row)])[0]


def _identity(database: Database, entity: Any, row: dict[str, Any]) -> Any:
    """The primary key of the new row (its first column)."""
    with database.engine.begin() as connection:
        key = connection.execute(insert(entity.__table__), _columns(entity, row)).inserted_primary_key
    return key[0] if key else None
