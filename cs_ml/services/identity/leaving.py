"""Leaving the product: one customer's data, or a whole tenant's, out and away."""

import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid, NotFound
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.domain.identity.people import Tenant
from cs_ml.services.clock import Clock
from cs_ml.services.identity.recording import note_export
from cs_ml.store.accounts import not_found
from cs_ml.store.database import Database
from cs_ml.store.learning.predicted import PredictedRepository
from cs_ml.store.migrations.schema import SchemaStore
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.operations.leaving import LeavingRepository


def _nothing(_tenant_id: str) -> None:
    """Nothing is kept anywhere."""


class LeavingService:
    """`forget`: drops what the process keeps of a tenant's names in memory."""

    def __init__(self, database: Database, clock: Clock, forget: Callable[[str], None] = _nothing) -> None:
        self._database = database
        self._clock = clock
        self._forget = forget

    def purge_account(self, actor: Actor, account_id: int) -> None:
        """Removes an account and every row of it, for good. How many predictions went with it is kept, without saying
        whose. Raises NotFound."""
        actor.require(Permission.MANAGE_TENANT)
        now = self._clock()
        with self._database.write(actor) as scope:
            predicted = PredictedRepository(scope)
            predicted.count()
            if not LeavingRepository(scope).purge(account_id):
                raise not_found()
            predicted.count()
            entry = AuditEntry(at=now, action="account.purged", entity_type="account", entity_id=str(account_id))
            AuditRepository(scope).add([entry])
        self._forget(actor.tenant_id)
        self._database.wipe()

    def export_tenant(self, actor: Actor, file: Path) -> Mapping[str, int]:
        """Writes every row of the tenant, as of one moment, into a new zip of one JSON-lines file a table; answers rows
        by table."""
        actor.require(Permission.MANAGE_TENANT)
        counts = Counter[str]()
        try:
            with zipfile.ZipFile(file, "x", zipfile.ZIP_DEFLATED) as archive, self._database.snapshot(actor) as scope:
                leaving = LeavingRepository(scope)
                members = scope.identity().roster.list(actor.tenant_id)
                archive.writestr("members.jsonl", "".join(_line(_member(member)) for member in members))
                for table, parts in groupby(leaving.rows(), key=itemgetter(0)):
                    with archive.open(f"{table}.jsonl", "w") as stream:
                        for _, rows in parts:
                            stream.write("".join(map(_line, rows)).encode())
                            counts[table] += len(rows)
        except FileExistsError as error:
            raise Invalid(f"{file} exists already: name a new file.", fields={"file": "a new file"}) from error
        note_export(self._database, actor, "tenant", self._clock())
        return dict(counts)

    def delete_tenant(self, tenant: Tenant) -> Mapping[str, int]:
        """Removes every row of a tenant, and people who have a place nowhere else; answers rows by table.

        Beside a CRM only what the product added goes: its tenant and its people are the CRM's. Needs the rights of the
        tables' owner, since nobody else may remove entries of the audit log.
        """
        adopted = SchemaStore(self._database).adopted()
        with self._database.write(Actor.system(tenant.id)) as scope:
            scope.lock_tenant()
            gone = dict(LeavingRepository(scope).delete_all(adopted))
            if "Tenant" not in adopted:
                scope.identity().remove_tenant(tenant.id)
        self._forget(tenant.id)
        self._database.wipe()
        return gone


def require_same(tenant: Tenant, typed: str) -> None:
    """What cannot be taken back is asked for twice. Raises NotFound where the names differ."""
    if typed != tenant.slug:
        raise NotFound(f"`{typed}` is not the slug of this tenant; nothing was deleted.", code="TENANT_NOT_FOUND")


def _member(member: Any) -> dict[str, Any]:
    person = member.person
    return {"id": person.id, "email": person.email, "name": person.name, "role": member.role, "scope": member.scope}


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in an export")
