"""How the services of long work are made of each other, and the list of what comes back by itself."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cs_ml.domain.actor import Actor
from cs_ml.domain.jobs import JobQueue, Schedule
from cs_ml.services.clock import Clock
from cs_ml.services.health.movements import MovementService
from cs_ml.services.identity.leaving import LeavingService
from cs_ml.services.learning.leaderboard import LeaderboardService
from cs_ml.services.learning.shadows import ShadowService
from cs_ml.services.learning.training import TrainingService
from cs_ml.services.operations.batches import BatchLimit, BatchRunService
from cs_ml.services.operations.groups import GroupWork
from cs_ml.services.operations.lanes import Lanes
from cs_ml.services.operations.monitoring import MonitoringService
from cs_ml.services.operations.overnight import OvernightWork
from cs_ml.services.operations.retention import RetentionService
from cs_ml.services.operations.schedules import ScheduleService
from cs_ml.services.operations.upkeep import UpkeepService
from cs_ml.services.operations.work import BatchWork
from cs_ml.services.portfolio import PortfolioService
from cs_ml.services.predicting.batches import BatchService
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.services.truth.validation import ValidationService
from cs_ml.store.database import Database


class LongWorkParts(NamedTuple):
    """What long work is made of."""

    database: Database
    clock: Clock
    portfolio: PortfolioService
    predictions: PredictionService
    batches: BatchService
    validation: ValidationService
    leaderboard: LeaderboardService
    training: TrainingService
    shadows: ShadowService
    leaving: LeavingService


class LongWork(NamedTuple):
    """The services of long work, and what jobs do."""

    runs: BatchRunService
    schedules: ScheduleService
    retention: RetentionService
    monitoring: MonitoringService
    work: BatchWork
    groups: GroupWork
    overnight: OvernightWork


class HowToAsk(NamedTuple):
    """`lanes`: accounts that are worked on at once; `group`: those of one job where a model is asked; `overnight`:
    whether its provider's Batch API may be used."""

    lanes: int
    group: int
    overnight: bool


def wire_long_work(
    parts: LongWorkParts, queue: JobQueue, limit: PredictionLimit, batch_limit: BatchLimit, how: HowToAsk
) -> LongWork:
    database, clock, portfolio, predictions, batches, *_ = parts
    runs = BatchRunService(
        database,
        clock,
        queue,
        portfolio,
        predictions,
        batch_limit=batch_limit,
        lanes=how.lanes,
        overnight=how.overnight,
    )
    upkeep = UpkeepService(database, clock, runs, portfolio, predictions, limit=limit)
    retention = RetentionService(database, clock, parts.leaving)
    schedules = ScheduleService(database, clock, _schedules(parts, upkeep, retention))
    work = BatchWork(database, clock, queue, predictions, batches, group=how.group, overnight=how.overnight)
    return LongWork(
        runs=runs,
        schedules=schedules,
        retention=retention,
        monitoring=MonitoringService(database, clock, limit=limit, batch_limit=batch_limit),
        work=work,
        overnight=OvernightWork(database, clock, queue, predictions.overnight, work, after=batches.follow),
        groups=GroupWork(database, clock, queue, predictions.groups, work, threads=Lanes(), after=batches.follow),
    )


def _schedules(parts: LongWorkParts, upkeep: UpkeepService, retention: RetentionService) -> Sequence[Schedule]:
    """What comes back by itself, in UTC. One more is one more line."""
    bands = MovementService(parts.database, parts.clock)
    return (
        _every("expire", "10 0 * * *", "Ends predictions that are too old.", upkeep.expire),
        _every("usage", "20 0 * * *", "Adds up the model's usage by day.", upkeep.roll_up_usage),
        _every("retention", "50 0 * * *", "Removes what has been kept long enough.", retention.apply),
        _every("validate", "30 1 * * *", "Judges predictions whose time has passed.", parts.validation.validate),
        _every(
            "predict", "0 2 * * *", "Predicts what is stale or has changed, high value first.", upkeep.predict_moved
        ),
        # Days begin at full quarters of an hour everywhere.
        _every("snooze", "*/15 * * * *", "Wakes the CTAs whose snooze is over.", upkeep.wake_snoozed),
        _every("train", "40 1 * * 0", "Trains the model where more has been judged.", parts.training.train_again),
        _every("champion", "50 1 * * *", "Chooses the method where the tenant lets it.", parts.leaderboard.settle_auto),
        _every("shadow", "30 3 * * *", "Asks the methods that do not serve, to compare them.", parts.shadows.run),
        _every("bands", "40 0 * * *", "Counts the bands of health by week in large portfolios.", bands.count_bands),
        _every("summaries", "*/5 * * * *", "Gathers the portfolio of very large tenants.", parts.portfolio.refresh),
    )


def _every(name: str, cron: str, says: str, do: Callable[[Actor], object]) -> Schedule:
    return Schedule(name=name, cron=cron, says=says, do=do)
