"""The composition root: settings in, wired services out. The only place that knows all parts, and the only clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.access import AccessService
from cs_ml.services.batches import BatchService
from cs_ml.services.clock import Clock
from cs_ml.services.context import ContextService
from cs_ml.services.limits import PredictionLimit
from cs_ml.services.predictions import PredictionService
from cs_ml.services.tenant_settings import TenantSettingsService
from cs_ml.settings import Settings
from cs_ml.store.database import Database


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything that pages, the command line and workers call."""

    settings: Settings
    database: Database
    clock: Clock
    access: AccessService
    tenant_settings: TenantSettingsService
    context: ContextService
    predictions: PredictionService
    batches: BatchService


@contextmanager
def open_services(settings: Settings | None = None, clock: Clock = system_clock) -> Iterator[Services]:
    """Services over the configured database; closed at the end."""
    settings = settings or Settings()
    database = Database(settings.database_url)
    engines = [RulesEngine(default_scorecard())]
    try:
        yield Services(
            settings=settings,
            database=database,
            clock=clock,
            access=AccessService(database, clock),
            tenant_settings=TenantSettingsService(database, clock),
            context=ContextService(database, clock),
            predictions=PredictionService(
                database,
                clock,
                engines,
                PredictionLimit(settings.limit_predictions_per_day),
            ),
            batches=BatchService(database, clock, engines),
        )
    finally:
        database.close()
