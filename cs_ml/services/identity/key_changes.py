"""Notes in the audit log that a secret of the settings is not the one of the last start. Secrets are kept nowhere."""

import hmac
from collections.abc import Mapping
from datetime import datetime

from cs_ml.domain.actor import Actor
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository

_WORD = b"cs-ml: which key is this"
_LETTERS = 8  # hexadecimal: enough to tell a change, and true of so many keys that none can be told by it


def note_key_changes(database: Database, keys: Mapping[str, str | None], now: datetime) -> None:
    """One entry for each changed key, in every active tenant's log: the keys are the whole product's.

    The first look at a key is no change; setting or removing one later is. Entries come before the marks, so that none
    is lost where a start is cut short; where two processes start at once, one may stand twice.
    """
    marks = {name: _mark(key) for name, key in keys.items()}
    with database.identity(write=True) as identity:
        changed = identity.key_marks.differing(marks, now)
        tenants = identity.active_tenants() if changed else []
    entries = [AuditEntry(at=now, action="key.changed", entity_type="key", entity_id=name) for name in changed]
    for tenant_id in tenants:
        with database.write(Actor.system(tenant_id)) as scope:
            AuditRepository(scope).add(entries)
    if changed:
        with database.identity(write=True) as identity:
            for name in changed:
                identity.key_marks.renew(name, marks[name], now)


def _mark(key: str | None) -> str:
    return hmac.digest(key.encode(), _WORD, "sha256").hex()[:_LETTERS] if key else "none"
