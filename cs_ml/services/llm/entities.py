"""The names that a tenant knows, ready to be looked for; kept while its data stays as it is."""

from collections import OrderedDict
from threading import Lock

from cs_ml.domain.actor import Actor
from cs_ml.llm.redaction.known import KnownEntities
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database

MAX_PATTERNS = 1_000_000  # some 200 MB; beyond it the tenants asked for longest ago are forgotten


class KnownEntitiesCache:
    """Thread-safe; one for the process."""

    def __init__(self, database: Database, max_patterns: int = MAX_PATTERNS) -> None:
        self._database = database
        self._max_patterns = max_patterns
        self._kept: OrderedDict[str, KnownEntities] = OrderedDict()
        self._lock = Lock()

    def of(self, actor: Actor) -> KnownEntities:
        """All names of the actor's tenant, whatever accounts the actor sees."""
        everyone = Actor.system(actor.tenant_id)
        with self._database.read(everyone) as scope:
            accounts = AccountRepository(scope)
            version = accounts.names_version()
            with self._lock:
                found = self._kept.get(actor.tenant_id)
                if found is not None and found.version == version:
                    self._kept.move_to_end(actor.tenant_id)
                    return found
            names = accounts.names()
        return self._keep(actor.tenant_id, KnownEntities(names))

    def forget(self, tenant_id: str) -> None:
        """Drops what is kept of a tenant."""
        with self._lock:
            self._kept.pop(tenant_id, None)

    def _keep(self, tenant_id: str, entities: KnownEntities) -> KnownEntities:
        with self._lock:
            self._kept[tenant_id] = entities
            self._kept.move_to_end(tenant_id)
            while len(self._kept) > 1 and sum(kept.size for kept in self._kept.values()) > self._max_patterns:
                self._kept.popitem(last=False)
        return entities
