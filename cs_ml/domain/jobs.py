"""Long work: batches of predictions with their counts, the jobs that they are made of, the queue that runs those, and
what comes back every night."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Protocol

from cs_ml.domain.actor import Actor
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import PredictionType

CHUNK = 500  # accounts of one job where an engine answers many at once
GROUP = 10  # accounts of one job where a model is asked about each
HIGH_VALUE_SHARE = 0.25

# Attempts at one account that ended in an unexpected error or a crash, before it is given up.
MOST_ATTEMPTS = 5
# Times that one account is put off because the model's provider is busy; then the next engine answers.
MOST_WAITS = 40

RunState = Literal["running", "cancelling", "cancelled", "done"]
ItemOutcome = Literal["computed", "cached", "fallback"]
TaskName = Literal[
    "spread", "predict", "predict_group", "predict_chunk", "ask_overnight", "collect_overnight", "mend", "schedule"
]


class BatchFilter(StrEnum):
    """`HIGH_VALUE`: the quarter with the highest yearly revenue, of accounts whose revenue is known."""

    ALL = "all"
    HIGH_VALUE = "high_value"
    AT_RISK = "at_risk"


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchRequest:
    """What a batch is to do. `most`: accounts at most, the most urgent first; None for all that match.

    `refresh`: also accounts whose prediction is still valid; without it those are counted as `cached`. `overnight`: the
    model is asked through its provider's Batch API, at about half the price, and answers within a day.
    """

    type: PredictionType = PredictionType.CHURN
    window_days: int = DEFAULT_WINDOW_DAYS
    filter: BatchFilter = BatchFilter.ALL
    most: int | None = None
    refresh: bool = False
    overnight: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchCounts:
    """Accounts of a run. `total` = `computed` + `cached` + `fallback` + `failed` + `cancelled` + `left`.

    `cost` in US dollars of the answers of known cost; `unknown_cost`: answers of a model whose price is not known.
    """

    total: int
    computed: int = 0
    cached: int = 0
    fallback: int = 0
    failed: int = 0
    cancelled: int = 0
    cost: Decimal = Decimal(0)
    unknown_cost: int = 0

    @property
    def done(self) -> int:
        """Accounts that have an answer."""
        return self.computed + self.cached + self.fallback

    @property
    def left(self) -> int:
        return self.total - self.done - self.failed - self.cancelled


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchRun:
    """One batch. `user_id`: who started it, None for the product itself. `errors`: accounts that failed, by code."""

    id: str
    request: BatchRequest
    state: RunState
    counts: BatchCounts
    errors: Mapping[str, int]
    user_id: int | None
    started_at: datetime
    finished_at: datetime | None

    @property
    def open(self) -> bool:
        return self.finished_at is None


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPlan:
    """What a batch would do, before it is started. `compute`: accounts without a valid prediction, or all to refresh.

    `cost` in US dollars and `duration` from the last 30 days' calls of the model; None where nothing is known yet, and
    no duration overnight.
    `left_today`: batches that may still be started today; `resets_at`: when that count begins anew.
    """

    accounts: int
    compute: int
    cost: Decimal | None
    duration: timedelta | None
    left_today: int
    resets_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One account of a run, held by one worker. `attempt` is the fence: what it ends counts only while no later attempt
    began. `waits`: times it was put off."""

    run_id: str
    account_id: int
    attempt: int
    waits: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """How one account ended: with an outcome, or with the code of an error."""

    outcome: ItemOutcome | None = None
    prediction_id: int | None = None
    cost: Decimal | None = None
    cost_known: bool = True
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Something to do later, for one tenant. `subject`: the id of a run, or the name of a schedule.

    Higher `priority` first. Jobs may come twice: whoever runs one claims what it is about.
    """

    task: TaskName
    tenant_id: str
    subject: str
    account_ids: tuple[int, ...] = ()
    priority: int = 0
    delay: timedelta = timedelta(0)


class JobQueue(Protocol):
    """Where jobs wait for a worker."""

    def submit(self, jobs: Sequence[Job]) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """`cron`: five fields, UTC. `says`: what it does, for people. `do` works for one tenant, and may be repeated."""

    name: str
    cron: str
    says: str
    do: Callable[[Actor], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleState:
    """A schedule of one tenant. `error`: of the last run, None where that succeeded or none was."""

    name: str
    cron: str
    says: str
    started_at: datetime | None
    succeeded_at: datetime | None
    error: str | None
