"""The audit log: added to and read, never changed."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select

from cs_ml.domain.actor import Actor
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import AuditEvent


class AuditRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, entries: Sequence[AuditEntry], *, by: Actor | None = None) -> None:
        """Notes what the actor, or somebody else, did in the transaction that does it."""
        actor = by or self._scope.actor
        self._scope.insert(
            AuditEvent,
            [
                {
                    "at": entry.at,
                    "userId": actor.user_id,
                    "source": actor.source,
                    "action": entry.action,
                    "entityType": entry.entity_type,
                    "entityId": entry.entity_id,
                    "before": _json(entry.before),
                    "after": _json(entry.after),
                }
                for entry in entries
            ],
        )

    def newest(self, entity_type: str, entity_id: str, *, apart_from: str = "") -> AuditEntry | None:
        """The last entry about a thing, of another action than `apart_from`."""
        params = {"entity_type": entity_type, "entity_id": entity_id, "apart_from": apart_from}
        row = self._scope.execute(_newest(), params).first()
        if row is None:
            return None
        return AuditEntry(
            at=row.at,
            action=row.action,
            entity_type=entity_type,
            entity_id=entity_id,
            before=row.before,
            after=row.after,
        )


def _json(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else dict(values)


@cache
def _newest() -> AnySelect:
    return (
        select(AuditEvent.at, AuditEvent.action, AuditEvent.before, AuditEvent.after)
        .where(
            AuditEvent.entity_type == bindparam("entity_type"),
            AuditEvent.entity_id == bindparam("entity_id"),
            AuditEvent.action != bindparam("apart_from"),
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    )
