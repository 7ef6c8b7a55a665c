"""Takes a tenant back to an instant: what came later goes, and what has no history is no longer what it was."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, or_, select, update

from cs_ml.domain.actor import Actor
from cs_ml.store.accounts import happened_at
from cs_ml.store.database import Database
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountMLPrediction,
    AccountSnapshot,
    ChurnEvent,
    CRMActivity,
    CRMContact,
    JudgedOutcome,
    Opportunity,
    TenantReference,
)

_MUCH_LATER = timedelta(days=4_000)


def forget_after(database: Database, actor: Actor, at: datetime) -> None:
    """Deletes every row dated after `at`, undoes what ended after it, and drops what was computed and stored."""
    with database.write(actor) as scope:
        for statement in (*_later(at), *_ended_later(at)):
            scope.execute(statement)
        judged = scope.execute(select(JudgedOutcome.id, JudgedOutcome.as_of, JudgedOutcome.window_days)).all()
        known_later = [row.id for row in judged if row.as_of + timedelta(days=row.window_days) > at]
        for start in range(0, len(known_later), 1_000):
            scope.execute(delete(JudgedOutcome).where(JudgedOutcome.id.in_(known_later[start : start + 1_000])))


def _later(at: datetime) -> Iterator[Any]:
    yield delete(AccountMLPrediction)
    yield delete(TenantReference)
    yield delete(AccountHealthScoreHistory).where(AccountHealthScoreHistory.calculated_at > at)
    yield delete(CRMActivity).where(happened_at() > at)
    yield delete(CTA).where(CTA.created_at > at)
    yield delete(Opportunity).where(Opportunity.created_at > at)
    yield delete(AccountFact).where(AccountFact.valid_from > at)
    yield delete(AccountSnapshot).where(AccountSnapshot.taken_at > at)
    yield delete(ChurnEvent).where(ChurnEvent.churned_at > at)
    seen = [
        select(table.account_id).where(table.account_id.is_not(None))
        for table in (AccountHealthScoreHistory, CRMActivity, CTA, Opportunity)
    ]
    unknown_then = [Account.id.not_in(accounts) for accounts in seen]
    dated = select(AccountFact.account_id).where(AccountFact.kind != "timeless")
    yield delete(Account).where(Account.created_at > at, Account.id.not_in(dated), *unknown_then)


def _ended_later(at: datetime) -> Iterator[Any]:
    cancelled_later = (CTA.status == "CANCELLED") & (CTA.updated_at > at)
    yield (
        update(CTA)
        .where(or_(CTA.completed_at > at, cancelled_later))
        .values(status="OPEN", completed_at=None, updated_at=CTA.created_at)
    )
    closed_later = (Opportunity.actual_close_date > at) | (
        Opportunity.actual_close_date.is_(None) & (Opportunity.updated_at > at)
    )
    yield (
        update(Opportunity)
        .where(closed_later, Opportunity.status != "OPEN")
        .values(status="OPEN", actual_close_date=None, updated_at=Opportunity.created_at)
    )


def rewrite_undated(database: Database, actor: Actor, at: datetime) -> None:
    """Changes whatever a CRM keeps without history, as somebody may have done after `at`."""
    later = at + _MUCH_LATER
    account = {
        "health_score": 1,
        "engagement_score": 2,
        "churn_risk": 0.987,
        "type": "CHURNED",
        "archived": True,
        "custom_fields": {"rewritten": "yes"},
        "annual_revenue": Decimal(7),
        "updated_at": later,
    }
    work = {"priority": "CRITICAL", "due_date": at - timedelta(days=77)}
    deal = {"amount": Decimal("1.23"), "probability": 1, "expected_close_date": at - timedelta(days=66)}
    is_open = CTA.completed_at.is_(None) & CTA.status.in_(("OPEN", "IN_PROGRESS", "SNOOZED"))
    with database.write(actor) as scope:
        other_owner = scope.identity().unassigned_owner(actor.tenant_id, later)
        scope.execute(update(Account).values(owner_id=other_owner, **account))
        scope.execute(delete(CRMContact))
        scope.execute(update(CTA).where(is_open).values(status="CANCELLED", updated_at=later))
        scope.execute(update(CTA).values(**work))
        scope.execute(update(Opportunity).values(**deal))
