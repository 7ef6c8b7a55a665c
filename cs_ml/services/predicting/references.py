"""What "much" and "little" mean at a tenant: quantiles per week, computed once and stored."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from statistics import median, quantiles

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import TenantReference
from cs_ml.services.clock import Clock
from cs_ml.store.database import Database
from cs_ml.store.history.references import QUARTER, YEAR, ReferenceFigures, ReferenceRepository

MIN_ACCOUNTS = 20  # fewer give no quantiles
MIN_JUDGED = 30  # fewer judged windows give no base rate of one's own


class FreshnessService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def data_as_of(self, actor: Actor) -> datetime | None:
        """When the newest activity or health score of the actor's tenant was; None where it has neither."""
        with self._database.read(Actor.system(actor.tenant_id)) as scope:
            return ReferenceRepository(scope).newest_fact(self._clock())


def reference_at(database: Database, actor: Actor, at: datetime, now: datetime) -> TenantReference:
    """The reference of the last Monday not after `at`; computed and stored where it is missing."""
    monday = datetime.combine(at.date() - timedelta(days=at.weekday()), time.min, at.tzinfo)
    everyone = Actor.system(actor.tenant_id)  # the quantiles are the tenant's, whatever accounts the actor sees
    with database.read(everyone) as scope:
        references = ReferenceRepository(scope)
        stored = references.find(monday)
        if stored is not None:
            return stored
        reference = _reference(monday, references.figures(monday))
    with database.write(everyone) as scope:
        ReferenceRepository(scope).save(reference, now)
    return reference


def _reference(as_of: datetime, figures: ReferenceFigures) -> TenantReference:
    gaps = [gap for gap, _, _ in figures.rhythms if gap is not None]
    deciles = {
        f"activities_{QUARTER}": _deciles([float(quarter) for _, quarter, _ in figures.rhythms]),
        f"activities_{YEAR}": _deciles([float(year) for _, _, year in figures.rhythms]),
        "arr": _deciles(figures.arr),
    }
    return TenantReference(
        as_of=as_of,
        observed_until=figures.observed_until,
        accounts=len(figures.rhythms),
        usual_gap_days=median(gaps) if len(gaps) >= MIN_ACCOUNTS else None,
        deciles={name: values for name, values in deciles.items() if values},
        base_rate=figures.churned / figures.judged if figures.judged >= MIN_JUDGED else None,
        judged=figures.judged,
    )


def _deciles(values: Sequence[float]) -> list[float]:
    """Eleven values, lowest to highest; none of too few."""
    if len(values) < MIN_ACCOUNTS:
        return []
    return [min(values), *quantiles(values, n=10, method="inclusive"), max(values)]
