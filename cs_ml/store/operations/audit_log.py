"""Reads the audit log, a page at a time."""

from collections.abc import Sequence

from sqlalchemy import func, select

from cs_ml.domain.identity.audit_log import AuditQuery, AuditRecord
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import AuditEvent


class AuditLogRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def page(self, query: AuditQuery, *, before: int | None, limit: int) -> Sequence[AuditRecord]:
        """Newest first; `before` is the id of the last entry of the page before."""
        statement = select(
            AuditEvent.id,
            AuditEvent.at,
            AuditEvent.user_id,
            AuditEvent.source,
            AuditEvent.action,
            AuditEvent.entity_type,
            AuditEvent.entity_id,
            AuditEvent.before,
            AuditEvent.after,
        )
        if before is not None:
            statement = statement.where(AuditEvent.id < before)
        rows = self._scope.execute(_filtered(statement, query).order_by(AuditEvent.id.desc()).limit(limit))
        return [AuditRecord(**row._mapping) for row in rows]

    def count(self, query: AuditQuery) -> int:
        """How many entries pass the filters."""
        return int(self._scope.execute(_filtered(select(func.count(AuditEvent.id)), query)).scalar_one())

    def actions(self) -> Sequence[str]:
        """Every action that the log holds, in order of its letters."""
        return list(self._scope.execute(select(AuditEvent.action).distinct().order_by(AuditEvent.action)).scalars())


def _filtered(statement: AnySelect, query: AuditQuery) -> AnySelect:
    if query.subject is not None:
        statement = statement.where(AuditEvent.action.startswith(f"{query.subject}.", autoescape=True))
    if query.user_id is not None:
        statement = statement.where(AuditEvent.user_id == query.user_id)
    if query.entity_ids:
        statement = statement.where(AuditEvent.entity_id.in_(query.entity_ids))
    if query.since is not None:
        statement = statement.where(AuditEvent.at >= query.since)
    if query.until is not None:
        statement = statement.where(AuditEvent.at < query.until)
    return statement
