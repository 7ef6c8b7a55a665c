"""How the services of long work are made of each other, and the list of what comes back by itself."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cs_ml.domain.actor import Actor
from cs_ml.domain.jobs import JobQueue, Schedule
from cs_ml.services.clock import Clock
from cs_ml.services.learning.leaderboard import LeaderboardService
from cs_ml.services.learning.shadows import ShadowService
from cs_ml.services.learning.training import TrainingService
from cs_ml.services.operations.batches import BatchLimit, BatchRunService
from cs_ml.services.operations.monitoring import MonitoringService
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


class LongWork(NamedTuple):
    """The services of long work, and what jobs do."""

    runs: BatchRunService
    schedules: ScheduleService
    monitoring: MonitoringService
    work: BatchWork


def wire_long_work(
    parts: LongWorkParts,
    retention: RetentionService,
    queue: JobQueue,
    limit: PredictionLimit,
    batch_limit: BatchLimit,
    *,
    lanes: int,
) -> LongWork:
    """`lanes`: accounts that are worked on at once."""
    database, clock, portfolio, predictions, batches, *_ = parts
    runs = BatchRunService(
        database,
        clock,
        queue,
        portfolio,
        predictions,
        batch_limit=batch_limit,
        lanes=lanes,
    )
    upkeep = UpkeepService(database, clock, runs, portfolio, predictions, limit=limit)
    schedules = ScheduleService(database, clock, _schedules(parts, upkeep, retention))
    return LongWork(
        runs=runs,
        schedules=schedules,
        monitoring=MonitoringService(database, clock, limit=limit, batch_limit=batch_limit),
        work=BatchWork(database, clock, queue, predictions, batches),
    )


def _schedules(parts: LongWorkParts, upkeep: UpkeepService, retention: RetentionService) -> Sequence[Schedule]:
    """What comes back by itself, in UTC. One more is one more line."""
    return (
        _every("expire", "10 0 * * *", "Ends predictions that are too old.", upkeep.expire),
        _every("usage", "20 0 * * *", "Adds up the model's usage by day.", upkeep.roll_up_usage),
        _every("retention", "50 0 * * *", "Removes what has been kept long enough.", retention.apply),
        _every("validate", "30 1 * * *", "Judges predictions whose time has passed.", parts.validation.validate),
        _every(
            "predict", "0 2 * * *", "Predicts what is stale or has changed, high value first.", upkeep.predict_moved
        ),
        _every("train", "40 1 * * 0", "Trains the model where more has been judged.", parts.training.train_again),
        _every("champion", "50 1 * * *", "Chooses the method where the tenant lets it.", parts.leaderboard.settle_auto),
        _every("shadow", "30 3 * * *", "Asks the methods that do not serve, to compare them.", parts.shadows.run),
        _every("summaries", "*/5 * * * *", "Gathers the portfolio of very large tenants.", parts.portfolio.refresh),
    )


def _every(name: str, cron: str, says: str, do: Callable[[Actor], object]) -> Schedule:
    return Schedule(name=name, cron=cron, says=says, do=do)
