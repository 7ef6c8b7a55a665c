"""What an administrator looks at: does it work, what does it cost, what is left of the day, how fresh are the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.llm.usage import KeyFigures, UsageSum
from cs_ml.services.clock import Clock
from cs_ml.services.operations.batches import BatchLimit
from cs_ml.services.predicting.limits import PredictionLimit, TenantDay
from cs_ml.store.database import Database
from cs_ml.store.operations.monitoring import MonitoringRepository
from cs_ml.store.operations.usage import UsageRepository


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """Over the last `days`, `first` to `last` in UTC. `usage` by day, model and operation, oldest first. `newest`: by
    kind of data, when the newest of it was. What is left of the day's limits until `resets_at`."""

    days: int
    first: date
    last: date
    figures: KeyFigures
    usage: Sequence[UsageSum]
    newest: Mapping[str, datetime | None]
    predictions_left: int
    batches_left: int
    resets_at: datetime


class MonitoringService:
    def __init__(self, database: Database, clock: Clock, *, limit: PredictionLimit, batch_limit: BatchLimit) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit
        self._batch_limit = batch_limit

    def overview(self, actor: Actor, days: int) -> Overview:
        """The whole tenant's. Raises Forbidden for whom may not manage it."""
        actor.require(Permission.MANAGE_TENANT)
        now = self._clock()
        today = datetime.combine(now.astimezone(UTC).date(), time.min, UTC)
        first = today - timedelta(days=days - 1)
        with self._database.read(Actor.system(actor.tenant_id)) as scope:
            monitoring, usage, day = MonitoringRepository(scope), UsageRepository(scope), TenantDay.of(scope, now)
            rolled = usage.days(first.date())
            # The days that no night has added up yet are few: they are added up here.
            begin = max((datetime.combine(each.day, time.min, UTC) for each in rolled), default=first - timedelta(1))
            fresh = usage.sums(begin + timedelta(days=1), now + timedelta(seconds=1))
            return Overview(
                days=days,
                first=first.date(),
                last=today.date(),
                figures=monitoring.figures(first, now + timedelta(seconds=1)),
                usage=[*rolled, *fresh],
                newest=monitoring.newest(now),
                predictions_left=self._limit.left(scope, day),
                batches_left=self._batch_limit.left(scope, day),
                resets_at=day.resets,
            )
