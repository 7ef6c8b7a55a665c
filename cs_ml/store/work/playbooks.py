"""Playbooks and their steps."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from cs_ml.domain.ctas.playbooks import Playbook, PlaybookDraft, PlaybookStatus, PlaybookStep
from cs_ml.domain.ctas.values import CtaType
from cs_ml.domain.errors import NotFound
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import Playbook as Row
from cs_ml.store.tables import PlaybookTask


class PlaybookRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list(self, *, with_steps: bool = False) -> Sequence[Playbook]:
        """All that are not archived, by name; without their steps unless asked for."""
        rows = self._scope.execute(_all()).all()
        steps: dict[int, list[Any]] = {row.id: [] for row in rows}
        if with_steps and rows:
            for step in self._scope.execute(_steps(), {"ids": list(steps)}):
                steps[step.playbook_id].append(step)
        return [_playbook(row, steps[row.id]) for row in rows]

    def find(self, playbook_id: int) -> Playbook | None:
        """With its steps, archived or not."""
        row = self._scope.execute(_one(), {"playbook": playbook_id}).first()
        return _playbook(row, self._scope.execute(_steps(), {"ids": [playbook_id]}).all()) if row else None

    def get(self, playbook_id: int) -> Playbook:
        """Raises NotFound."""
        found = self.find(playbook_id)
        if found is None:
            raise NotFound("There is no such playbook.", code="PLAYBOOK_NOT_FOUND")
        return found

    def add(self, draft: PlaybookDraft, now: datetime) -> int:
        """A new playbook of the actor; answers its id."""
        row = {
            "name": draft.name,
            "description": draft.description,
            "status": draft.status.value,
            "ctaType": draft.cta_type.value if draft.cta_type else None,
            "category": draft.category,
            "timesUsed": 0,
            "createdById": self._scope.actor.user_id,
            "createdAt": now,
            "updatedAt": now,
        }
        playbook_id = self._scope.insert_returning_ids(Row, [row])[0]
        self._add_steps(playbook_id, draft, now)
        return playbook_id

    def change(self, playbook_id: int, draft: PlaybookDraft, now: datetime) -> None:
        """Overwrites a playbook and its steps. Tasks that were laid out before stay as they are."""
        self._scope.execute(
            update(Row)
            .where(Row.id == playbook_id)
            .values(
                name=draft.name,
                description=draft.description,
                status=draft.status.value,
                cta_type=draft.cta_type.value if draft.cta_type else None,
                category=draft.category,
                updated_at=now,
            )
        )
        self._scope.execute(delete(PlaybookTask).where(PlaybookTask.playbook_id == playbook_id))
        self._add_steps(playbook_id, draft, now)

    def count_use(self, playbook_id: int) -> None:
        """One more CTA was made with it. It is no edit, so the version stays."""
        used = update(Row).where(Row.id == playbook_id).values(times_used=Row.times_used + 1)
        self._scope.execute(used)

    def _add_steps(self, playbook_id: int, draft: PlaybookDraft, now: datetime) -> None:
        rows = [
            {
                "playbookId": playbook_id,
                "title": step.title,
                "description": step.description,
                "daysFromStart": step.days_from_start,
                "assignToOwner": step.for_owner,
                "orderIndex": order,
                "createdAt": now,
                "updatedAt": now,
            }
            for order, step in enumerate(draft.steps)
        ]
        self._scope.insert_children(PlaybookTask, Row, "playbookId", rows)


_COLUMNS = (Row.id, Row.name, Row.description, Row.status, Row.cta_type, Row.category, Row.times_used, Row.updated_at)


@cache
def _all() -> AnySelect:
    return select(*_COLUMNS).where(Row.status != "ARCHIVED").order_by(Row.name, Row.id)


@cache
def _one() -> AnySelect:
    return select(*_COLUMNS).where(Row.id == bindparam("playbook"))


@cache
def _steps() -> AnySelect:
    task = PlaybookTask
    return (
        select(task.playbook_id, task.title, task.description, task.days_from_start, task.assign_to_owner)
        .where(task.playbook_id.in_(bindparam("ids", expanding=True)))
        .order_by(task.playbook_id, task.order_index, task.id)
    )


def _playbook(row: Any, steps: Sequence[Any]) -> Playbook:
    return Playbook(
        id=row.id,
        name=row.name,
        description=row.description,
        status=PlaybookStatus(row.status),
        cta_type=CtaType(row.cta_type) if row.cta_type else None,
        category=row.category,
        times_used=row.times_used,
        version=row.updated_at,
        steps=tuple(
            PlaybookStep(
                title=step.title,
                description=step.description,
                days_from_start=step.days_from_start,
                for_owner=step.assign_to_owner,
            )
            for step in steps
        ),
    )
