"""What comes back by itself: predictions where much has changed, an end to old ones and to snoozes, sums of days."""

from datetime import UTC, datetime, time, timedelta
from math import ceil

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid
from cs_ml.domain.jobs import HIGH_VALUE_SHARE, BatchRequest, BatchRun
from cs_ml.domain.portfolio import PortfolioQuery, Sort
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.operations.batches import BatchRunService
from cs_ml.services.portfolio import PortfolioService
from cs_ml.services.predicting.limits import PredictionLimit, TenantDay
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.services.work.waking import wake
from cs_ml.store.database import Database
from cs_ml.store.operations.batches import BatchRepository
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.predictions.moved import MovedRepository

_ITEMS_KEPT = timedelta(days=30)
_ROLLED_AGAIN = 2  # days: a call may end after the midnight at which it began


class UpkeepService:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        runs: BatchRunService,
        portfolio: PortfolioService,
        predictions: PredictionService,
        *,
        limit: PredictionLimit,
    ) -> None:
        self._database = database
        self._clock = clock
        self._runs = runs
        self._portfolio = portfolio
        self._predictions = predictions
        self._limit = limit

    def predict_moved(self, actor: Actor) -> BatchRun | None:
        """A batch of the accounts without a valid prediction, or with facts younger than theirs: those of high value
        first, then those that changed most. Once a day. Where a model is asked, not more than the day's limit of
        single predictions. None where nothing moved."""
        actor.require(Permission.MANAGE_TENANT)
        now = self._clock()
        by_value = self._portfolio.pick(actor, PortfolioQuery(sort=Sort.ARR), None)
        with self._database.read(actor) as scope:
            moved = MovedRepository(scope).accounts(now)
            day = TenantDay.of(scope, now)
            most = self._limit.of(day) if self._predictions.asks_a_model(actor) else None
        high = [key for key in by_value[: ceil(len(by_value) * HIGH_VALUE_SHARE)] if key in moved]
        rest = sorted(moved.keys() - set(high), key=lambda key: (-moved[key], key))
        key = f"nightly:{day.begins.astimezone(UTC):%Y-%m-%dT%H}"
        request = BatchRequest(refresh=True, overnight=self._runs.may_wait(actor))
        try:
            return self._runs.start(actor, request, key=key, account_ids=[*high, *rest][:most])
        except Invalid:
            return None

    def wake_snoozed(self, actor: Actor) -> int:
        """Opens the CTAs whose snooze is over. Answers how many woke."""
        actor.require(Permission.MANAGE_TENANT)
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            return wake(scope, milliseconds(self._clock()))

    def expire(self, actor: Actor) -> int:
        """Ends predictions whose validity is over, and forgets the single accounts of batches of a month ago; their
        counts stay. Answers how many predictions ended."""
        actor.require(Permission.MANAGE_TENANT)
        now = self._clock()
        with self._database.write(actor) as scope:
            BatchRepository(scope).forget_items(now - _ITEMS_KEPT)
            return MovedRepository(scope).expire(now)

    def roll_up_usage(self, actor: Actor) -> int:
        """Adds up the model's usage of the days that are over. Answers how many days were added up."""
        actor.require(Permission.MANAGE_TENANT)
        today = datetime.combine(self._clock().astimezone(UTC).date(), time.min, UTC)
        with self._database.write(actor) as scope:
            usage = UsageRepository(scope)
            last = usage.last_day()
            first = usage.first_day() if last is None else last - timedelta(days=_ROLLED_AGAIN - 1)
            if first is None:
                return 0
            since = datetime.combine(first, time.min, UTC)
            return usage.roll_up(since, today) if since < today else 0
