"""The audit log for those who manage a tenant: who did what, when, from where, and what it changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.identity.audit_log import AuditQuery, AuditRecord
from cs_ml.services.clock import Clock
from cs_ml.services.identity.recording import note_export
from cs_ml.store.database import Database
from cs_ml.store.operations.audit_log import AuditLogRepository

PAGE_ENTRIES = 50
MOST_EXPORTED = 50_000
_EXPORT_PART = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditPage:
    """`next` is what `before` of the next page is, None on the last one. `names`: of the users, by id."""

    records: Sequence[AuditRecord]
    matching: int
    next: int | None
    names: Mapping[int, str]
    actions: Sequence[str]


class AuditService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def page(
        self, actor: Actor, query: AuditQuery, *, before: int | None = None, limit: int = PAGE_ENTRIES
    ) -> AuditPage:
        """A page of the entries that pass the filters, newest first."""
        actor.require(Permission.MANAGE_TENANT)
        with self._database.read(actor) as scope:
            log = AuditLogRepository(scope)
            records = log.page(query, before=before, limit=limit + 1)
            shown = records[:limit]
            ids = {record.user_id for record in shown if record.user_id is not None}
            return AuditPage(
                records=shown,
                matching=log.count(query),
                next=shown[-1].id if len(records) > limit else None,
                names=scope.identity().roster.names(ids),
                actions=log.actions(),
            )

    def export(self, actor: Actor, query: AuditQuery) -> Iterator[AuditRecord]:
        """The entries that pass the filters, newest first, MOST_EXPORTED at most; the export itself is noted, too."""
        actor.require(Permission.MANAGE_TENANT)
        before: int | None = None
        for _ in range(MOST_EXPORTED // _EXPORT_PART):
            with self._database.read(actor) as scope:
                records = AuditLogRepository(scope).page(query, before=before, limit=_EXPORT_PART)
            if before is None:
                note_export(self._database, actor, "audit", self._clock())
            yield from records
            if len(records) < _EXPORT_PART:
                return
            before = records[-1].id
