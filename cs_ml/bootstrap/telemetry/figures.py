"""The key figures of the tenants, as scrapes get them: of few tenants, and not read at every scrape."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock

from cs_ml.domain.actor import Actor
from cs_ml.domain.llm.usage import KeyFigures
from cs_ml.services.clock import Clock
from cs_ml.services.identity.access import AccessService
from cs_ml.services.operations.monitoring import MonitoringService
from cs_ml.store.database import Database

DAYS = 30
MOST_TENANTS = 50  # the first by id: a label has as many values, and a scrape costs a few statements for each
_KEPT = timedelta(minutes=1)


class TenantFigures:
    """Callable as `Figures`. Thread-safe."""

    def __init__(self, database: Database, clock: Clock, access: AccessService, monitoring: MonitoringService) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._monitoring = monitoring
        self._lock = Lock()
        self._kept: tuple[datetime, Sequence[tuple[str, KeyFigures]]] | None = None

    def __call__(self) -> Sequence[tuple[str, KeyFigures]]:
        """None while the database is away: the process's own counters are told all the same."""
        now = self._clock()
        with self._lock:
            if self._kept is None or now - self._kept[0] >= _KEPT:
                self._kept = now, self._read() if self._database.is_up() else ()
            return self._kept[1]

    def _read(self) -> Sequence[tuple[str, KeyFigures]]:
        tenants = sorted(self._access.active_tenants())[:MOST_TENANTS]
        return [(key, self._monitoring.overview(Actor.system(key), DAYS).figures) for key in tenants]
