"""CTAs as rows and back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, or_, select

from cs_ml.domain.ctas.values import Cta, CtaPriority, CtaStatus, CtaTask, CtaType, TaskStatus
from cs_ml.store.scope import AnySelect
from cs_ml.store.tables import CTA, Account, CTATask, Playbook, User


def midnight(day: date) -> datetime:
    """How a due day is stored, as an import does."""
    return datetime.combine(day, time.min, UTC)


def day_of(at: datetime | None) -> date | None:
    return at.astimezone(UTC).date() if at else None


@cache
def ctas() -> AnySelect:
    """Everything that a `Cta` holds but its tasks."""
    return (
        select(
            CTA.id,
            CTA.account_id,
            Account.name.label("account_name"),
            CTA.type,
            CTA.status,
            CTA.priority,
            CTA.title,
            CTA.reason,
            CTA.description,
            CTA.due_date,
            CTA.snooze_until,
            CTA.completed_at,
            CTA.owner_id,
            User.name.label("owner_name"),
            CTA.playbook_id,
            Playbook.name.label("playbook_name"),
            CTA.outcome,
            CTA.resolution_notes,
            CTA.is_automated,
            CTA.trigger_rule,
            CTA.trigger_data,
            CTA.created_at,
            CTA.updated_at,
        )
        .select_from(CTA)
        .outerjoin(Account, Account.id == CTA.account_id)
        .outerjoin(User, User.id == CTA.owner_id)
        .outerjoin(Playbook, Playbook.id == CTA.playbook_id)
    )


def is_awake() -> Any:
    """Open or started, or its snooze is over at `now`."""
    woken = and_(CTA.status == "SNOOZED", CTA.snooze_until <= bindparam("now"))
    return or_(CTA.status.in_(("OPEN", "IN_PROGRESS")), woken)


def is_asleep() -> Any:
    return and_(CTA.status == "SNOOZED", or_(CTA.snooze_until.is_(None), CTA.snooze_until > bindparam("now")))


def cta_of(row: Any, now: datetime, tasks: Sequence[Any] = ()) -> Cta:
    """The CTA of a row of `ctas`, as of `now`."""
    status = CtaStatus(row.status)
    snoozed = row.snooze_until if status is CtaStatus.SNOOZED else None
    if snoozed is not None and snoozed <= now:
        status, snoozed = CtaStatus.OPEN, None
    data = row.trigger_data if isinstance(row.trigger_data, Mapping) else {}
    prediction_id = data.get("predictionId")
    return Cta(
        id=row.id,
        account_id=row.account_id,
        account_name=row.account_name,
        type=CtaType(row.type),
        status=status,
        priority=CtaPriority(row.priority),
        title=row.title,
        reason=row.reason,
        description=row.description,
        due=day_of(row.due_date),
        snoozed_until=snoozed,
        ended_at=row.completed_at or (row.updated_at if status is CtaStatus.CANCELLED else None),
        owner_id=row.owner_id,
        owner_name=row.owner_name or "",
        playbook_id=row.playbook_id,
        playbook_name=row.playbook_name,
        outcome=row.outcome,
        note=row.resolution_notes,
        is_automated=row.is_automated,
        trigger_rule=row.trigger_rule,
        prediction_id=prediction_id if isinstance(prediction_id, int) else None,
        created_at=row.created_at,
        version=row.updated_at,
        tasks=tuple(map(_task, tasks)),
    )


@cache
def tasks_of() -> AnySelect:
    return (
        select(
            CTATask.id,
            CTATask.cta_id,
            CTATask.title,
            CTATask.description,
            CTATask.status,
            CTATask.due_date,
            CTATask.owner_id,
            CTATask.is_from_playbook,
        )
        .where(CTATask.cta_id.in_(bindparam("ids", expanding=True)))
        .order_by(CTATask.cta_id, CTATask.order_index, CTATask.id)
    )


def _task(row: Any) -> CtaTask:
    return CtaTask(
        id=row.id,
        title=row.title,
        description=row.description,
        status=TaskStatus(row.status),
        due=day_of(row.due_date),
        owner_id=row.owner_id,
        from_playbook=row.is_from_playbook,
    )
