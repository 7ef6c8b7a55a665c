"""What is noted of people, who may work in several tenants: each of them has it in its own audit log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cs_ml.domain.actor import Actor
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository


def note_person(
    database: Database,
    user_id: int,
    action: str,
    now: datetime,
    *,
    by: int | None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """`by`: the user who did it; None where that is not known (a failed sign-in) or an operator's command."""
    with database.identity() as identity:
        places = identity.memberships(user_id)
    entry = AuditEntry(at=now, action=action, entity_type="user", entity_id=str(user_id), after=after)
    for place in places:
        actor = Actor(tenant_id=place.tenant.id, role=place.role, user_id=by)
        with database.write(actor) as scope:
            AuditRepository(scope).add([entry])


def note_export(database: Database, actor: Actor, what: str, now: datetime) -> None:
    """Notes that data left the product as a file. `what`: the list that was saved."""
    entry = AuditEntry(at=now, action=f"{what}.exported", entity_type="tenant", entity_id=actor.tenant_id)
    with database.write(actor) as scope:
        AuditRepository(scope).add([entry])
