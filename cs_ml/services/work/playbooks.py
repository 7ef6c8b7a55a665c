"""Playbooks: written down, changed, and what is known of their effect."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.playbooks import MAX_DAYS, MAX_TASKS, Playbook, PlaybookDraft, PlaybookEffect
from cs_ml.domain.ctas.values import MAX_TITLE
from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.work.making import later
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.work.effect import EffectRepository
from cs_ml.store.work.playbooks import PlaybookRepository

_MOST_USES, _MOST_OTHERS = 200, 300  # enough for an answer within a second
_LOOK_BACK, _LOOK_AHEAD = timedelta(days=45), timedelta(days=90)


class PlaybookService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self, actor: Actor) -> Sequence[Playbook]:
        """All that are not archived, with their steps, by name."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return PlaybookRepository(scope).list(with_steps=True)

    def add(self, actor: Actor, draft: PlaybookDraft) -> Playbook:
        """Raises Forbidden, Invalid."""
        actor.require(Permission.WORK)
        _check(draft)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            playbooks = PlaybookRepository(scope)
            playbook_id = playbooks.add(draft, now)
            AuditRepository(scope).add([_entry(playbook_id, "playbook.added", draft, now)])
            return playbooks.get(playbook_id)

    def change(self, actor: Actor, playbook_id: int, version: datetime, draft: PlaybookDraft) -> Playbook:
        """Tasks of CTAs that were made before stay. Raises NotFound, Forbidden, and Invalid (CONFLICT where somebody
        else was faster)."""
        actor.require(Permission.WORK)
        _check(draft)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            playbooks = PlaybookRepository(scope)
            before = playbooks.get(playbook_id)
            if before.version != version:
                raise Invalid("Somebody else changed this playbook in the meantime. Load it again.", code="CONFLICT")
            playbooks.change(playbook_id, draft, later(now, before.version))
            AuditRepository(scope).add([_entry(playbook_id, "playbook.changed", draft, now)])
            return playbooks.get(playbook_id)

    def effects(self, actor: Actor) -> Sequence[PlaybookEffect]:
        """What is known so far of each playbook that was used for accounts that the actor sees."""
        from cs_ml.services.work.effect import effects

        actor.require(Permission.READ)
        now = milliseconds(self._clock())
        with self._database.read(actor) as scope:
            repository = EffectRepository(scope)
            uses = repository.uses(now, limit=_MOST_USES)
            if not uses:
                return []
            others = repository.others(limit=_MOST_OTHERS)
            accounts = sorted({*others, *(use.account_id for use in uses)})
            times = [use.began for use in uses]
            since, until = min(times) - _LOOK_BACK, min(now, max(times) + _LOOK_AHEAD)
            health = repository.health(accounts, since, until)
            bands = repository.bands(accounts, since, until)
        return effects(uses, others, health=health, bands=bands, now=now)


def _check(draft: PlaybookDraft) -> None:
    """Raises Invalid."""
    if not draft.name.strip() or len(draft.name) > MAX_TITLE:
        expected = f"1 to {MAX_TITLE} characters"
        raise Invalid(f"The name must have {expected}.", fields={"name": expected})
    if not 1 <= len(draft.steps) <= MAX_TASKS:
        expected = f"1 to {MAX_TASKS} tasks"
        raise Invalid(f"A playbook has {expected}.", fields={"tasks": expected})
    for number, step in enumerate(draft.steps, start=1):
        if not step.title.strip() or len(step.title) > MAX_TITLE:
            expected = f"a title of 1 to {MAX_TITLE} characters"
            raise Invalid(f"Task {number} needs {expected}.", fields={"tasks": expected})
        if not 0 <= step.days_from_start <= MAX_DAYS:
            expected = f"0 to {MAX_DAYS} days after the start"
            raise Invalid(f"Task {number} must be due {expected}.", fields={"tasks": expected})


def _entry(playbook_id: int, action: str, draft: PlaybookDraft, now: datetime) -> AuditEntry:
    after = {"status": draft.status.value, "tasks": len(draft.steps)}
    return AuditEntry(at=now, action=action, entity_type="Playbook", entity_id=str(playbook_id), after=after)
