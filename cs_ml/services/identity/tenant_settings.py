"""Reading and changing the settings of a tenant."""

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.domain.identity.tenant_settings import TenantSettings, parse_setting, read_settings
from cs_ml.services.clock import Clock
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.operations.audit import AuditRepository


class TenantSettingsService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def settings_of(self, actor: Actor) -> TenantSettings:
        """The settings of the actor's tenant, defaults where it made none."""
        with self._database.read(actor) as scope:
            return read_settings(TenantSettingRepository(scope).list())

    def set(self, actor: Actor, key: str, text: str) -> TenantSettings:
        """Sets one key from its written form and answers all settings.

        Raises Invalid for an unknown key or a bad value, Forbidden for whom may not manage the tenant.
        """
        actor.require(Permission.MANAGE_TENANT)
        name, value = parse_setting(key, text)
        with self._database.write(actor) as scope:
            settings, now = TenantSettingRepository(scope), self._clock()
            before = settings.list().get(name)
            settings.save(name, value, now)
            if before != value:
                entry = AuditEntry(
                    at=now,
                    action="setting.changed",
                    entity_type="setting",
                    entity_id=name,
                    before={"value": before},
                    after={"value": value},
                )
                AuditRepository(scope).add([entry])
            return read_settings(settings.list())
