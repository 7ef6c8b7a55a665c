"""How long things are kept: what a tenant has settled, applied every night."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.domain.identity.tenant_settings import TenantSettings, read_settings
from cs_ml.services.clock import Clock
from cs_ml.services.identity.leaving import LeavingService
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.migrations.schema import SchemaStore
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.operations.retention import RetentionRepository
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.scope import Scope

MOST_A_RUN = 500  # customers; what is left over goes the night after


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """What has been kept long enough. `customers` None: in an adopted CRM they are deleted there."""

    calls: int
    customers: int | None


class RetentionService:
    def __init__(self, database: Database, clock: Clock, leaving: LeavingService) -> None:
        self._database = database
        self._clock = clock
        self._leaving = leaving

    def due(self, actor: Actor, settings: TenantSettings | None = None) -> Due:
        """What the next run would remove, by the tenant's settings or by those that somebody thinks of."""
        actor.require(Permission.MANAGE_TENANT)
        with self._database.read(Actor.system(actor.tenant_id)) as scope:
            settings = settings or read_settings(TenantSettingRepository(scope).list())
            calls, left = self._since(settings)
            known = UsageRepository(scope).count_before(_added_up(scope, calls)) if calls else 0
            customers = RetentionRepository(scope).count_left(left) if left else 0
        return Due(calls=known, customers=None if self._is_adopted() else customers)

    def apply(self, actor: Actor) -> Due:
        """Removes what has been kept long enough; again, it finds nothing. Answers what went."""
        actor.require(Permission.MANAGE_TENANT)
        everyone, now, calls, ids = Actor.system(actor.tenant_id), self._clock(), 0, list[int]()
        with self._database.write(everyone) as scope:
            before, left = self._since(read_settings(TenantSettingRepository(scope).list()))
            if before and (calls := UsageRepository(scope).forget(_added_up(scope, before))):
                entry = AuditEntry(
                    at=now,
                    action="retention.applied",
                    entity_type="tenant",
                    entity_id=actor.tenant_id,
                    after={"calls": calls, "before": before.isoformat()},
                )
                AuditRepository(scope).add([entry])
            if left and not self._is_adopted():
                ids = [*RetentionRepository(scope).left(left, MOST_A_RUN)]
        for account_id in ids:
            self._leaving.purge_account(everyone, account_id)
        return Due(calls=calls, customers=None if self._is_adopted() else len(ids))

    def _since(self, settings: TenantSettings) -> tuple[datetime | None, datetime | None]:
        """Calls and leavings before these are due; None where they are kept for good."""
        today = datetime.combine(self._clock().astimezone(UTC).date(), time.min, UTC)
        calls, left = (
            None if days is None else today - timedelta(days=days)
            for days in (settings.keep_calls_days, settings.keep_left_days)
        )
        return calls, left

    def _is_adopted(self) -> bool:
        return "Account" in SchemaStore(self._database).adopted()


def _added_up(scope: Scope, before: datetime) -> datetime:
    """`before`, or the end of the last day whose calls are added up, if that is earlier."""
    last = UsageRepository(scope).last_day()
    ended = datetime.combine(last + timedelta(days=1), time.min, UTC) if last else datetime.min.replace(tzinfo=UTC)
    return min(before, ended)
