"""CTAs and their tasks: what is open, what was made, and every change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, select, update

from cs_ml.domain.ctas.playbooks import PlannedTask
from cs_ml.domain.ctas.values import Cta, CtaStatus, CtaType, TaskStatus
from cs_ml.domain.errors import NotFound
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import CTA, AccountMLPrediction, CTATask
from cs_ml.store.work.rows import cta_of, ctas, midnight, tasks_of

_OPEN = ("OPEN", "IN_PROGRESS", "SNOOZED")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenTitle:
    """An open CTA, for finding one like another."""

    cta_id: int
    account_id: int
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Automated:
    """The last automated CTA of an account."""

    cta_id: int
    at: datetime


class CtaRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def get(self, cta_id: int, now: datetime) -> Cta:
        """With its tasks. Raises NotFound."""
        row = self._scope.execute(ctas().where(CTA.id == bindparam("cta")), {"cta": cta_id}).first()
        if row is None:
            raise cta_not_found()
        return cta_of(row, now, self._scope.execute(tasks_of(), {"ids": [cta_id]}).all())

    def list_open(self, cta_ids: Sequence[int], now: datetime) -> Sequence[Cta]:
        """Those of these CTAs that exist and are open."""
        rows = self._scope.execute(_among(), {"ids": list(cta_ids)})
        return [cta_of(row, now) for row in rows]

    def open_titles(self, account_ids: Sequence[int], kind: CtaType) -> Sequence[OpenTitle]:
        """Open CTAs of these accounts and of this type, oldest first."""
        rows = self._scope.execute(_open_titles(), {"ids": list(account_ids), "kind": kind.value})
        return [OpenTitle(cta_id=row.id, account_id=row.account_id, title=row.title) for row in rows]

    def last_automated(self, account_ids: Sequence[int], kind: CtaType) -> Mapping[int, Automated]:
        """The newest automated CTA of this type, open or not, by account."""
        rows = self._scope.execute(_automated(), {"ids": list(account_ids), "kind": kind.value})
        return {row.account_id: Automated(cta_id=row.id, at=row.created_at) for row in rows}  # the newest comes last

    def count_automated_since(self, since: datetime) -> int:
        """CTAs that the product made by itself, for the daily limit."""
        return int(self._scope.execute(_made_since(), {"since": since}).scalar() or 0)

    def add(self, row: Mapping[str, Any]) -> int:
        """A new CTA (column -> value); answers its id."""
        return self._scope.insert_returning_ids(CTA, [row])[0]

    def add_tasks(self, cta_id: int, tasks: Sequence[PlannedTask], now: datetime, *, from_playbook: bool) -> None:
        """Adds tasks after those that are there."""
        first = int(self._scope.execute(_tasks_count(), {"cta": cta_id}).scalar() or 0)
        rows = [
            {
                "ctaId": cta_id,
                "ownerId": task.owner_id,
                "title": task.title,
                "description": task.description,
                "status": TaskStatus.NOT_STARTED.value,
                "dueDate": midnight(task.due),
                "orderIndex": order,
                "isFromPlaybook": from_playbook,
                "createdAt": now,
                "updatedAt": now,
            }
            for order, task in enumerate(tasks, start=first)
        ]
        self._scope.insert_children(CTATask, CTA, "ctaId", rows)

    def link(self, prediction_id: int, cta_id: int, now: datetime) -> bool:
        """Ties a CTA to the prediction that suggested it; False where another one is tied to it already."""
        params = {"prediction": prediction_id, "cta": cta_id, "at": now}
        return self._scope.execute(_link(), params).first() is not None

    def change(self, cta_ids: Sequence[int], values: Mapping[str, Any]) -> None:
        """Sets attributes of CTAs, `updated_at` among them."""
        self._scope.execute(update(CTA).where(CTA.id.in_(list(cta_ids))).values(**values))

    def append_note(self, cta_ids: Sequence[int], note: str) -> None:
        """Adds a paragraph to the description of each."""
        before = func.coalesce(CTA.description + "\n\n", "")
        self._scope.execute(update(CTA).where(CTA.id.in_(list(cta_ids))).values(description=before + note))

    def change_task(self, cta_id: int, task_id: int, values: Mapping[str, Any]) -> bool:
        """Sets attributes of a task; False where this CTA has no such task."""
        statement = update(CTATask).where(CTATask.id == task_id, CTATask.cta_id == cta_id).values(**values)
        return self._scope.execute(statement.returning(CTATask.id)).first() is not None

    def move_tasks(self, cta_id: int, due: Mapping[int, date], now: datetime) -> None:
        """New due days by task id."""
        for task_id, day in due.items():
            self.change_task(cta_id, task_id, {"due_date": midnight(day), "updated_at": now})

    def wake(self, now: datetime) -> Sequence[int]:
        """Opens what has slept long enough, and answers their ids. It is no edit, so the version stays."""
        return sorted(self._scope.execute(_wake(), {"now": now}).scalars())

    def trigger_data(self, cta_id: int) -> Mapping[str, Any]:
        """What the CTA was made from, and what was added to it since."""
        found = self._scope.execute(select(CTA.trigger_data).where(CTA.id == cta_id)).scalar()
        return found if isinstance(found, Mapping) else {}


def cta_not_found() -> NotFound:
    return NotFound("There is no such CTA. It may belong to somebody else, or have been deleted.", code="CTA_NOT_FOUND")


@cache
def _among() -> AnySelect:
    return ctas().where(CTA.id.in_(bindparam("ids", expanding=True)), CTA.status.in_(_OPEN)).order_by(CTA.id)


@cache
def _open_titles() -> AnySelect:
    return (
        select(CTA.id, CTA.account_id, CTA.title)
        .where(
            CTA.account_id.in_(bindparam("ids", expanding=True)), CTA.type == bindparam("kind"), CTA.status.in_(_OPEN)
        )
        .order_by(CTA.created_at, CTA.id)
    )


@cache
def _automated() -> AnySelect:
    return (
        select(CTA.account_id, CTA.id, CTA.created_at)
        .where(
            CTA.account_id.in_(bindparam("ids", expanding=True)),
            CTA.type == bindparam("kind"),
            CTA.is_automated.is_(True),
        )
        .order_by(CTA.created_at, CTA.id)
    )


@cache
def _made_since() -> AnySelect:
    return select(func.count(CTA.id)).where(
        CTA.is_automated.is_(True), CTA.trigger_rule.like("ML%"), CTA.created_at >= bindparam("since")
    )


@cache
def _tasks_count() -> AnySelect:
    return select(func.count(CTATask.id)).where(CTATask.cta_id == bindparam("cta"))


@cache
def _link() -> Any:
    stored = AccountMLPrediction
    return (
        update(stored)
        .where(stored.id == bindparam("prediction"), stored.generated_cta_id.is_(None))
        .values(generated_cta_id=bindparam("cta"), updated_at=bindparam("at"))
        .returning(stored.id)
    )


@cache
def _wake() -> Any:
    return (
        update(CTA)
        .where(CTA.status == CtaStatus.SNOOZED.value, CTA.snooze_until <= bindparam("now"))
        .values(status=CtaStatus.OPEN.value, snooze_until=None)
        .returning(CTA.id)
    )
