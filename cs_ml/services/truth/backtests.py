"""Backtests: the real engines replay past days, and are judged by what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.domain.predictions import EngineName
from cs_ml.domain.truth.backtests import BacktestRequest, BacktestRun, BacktestStatus
from cs_ml.domain.truth.outcomes import Unjudged
from cs_ml.evaluation.headline import one_per_window
from cs_ml.evaluation.metrics import evaluate
from cs_ml.evaluation.report import Evaluation
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.truth.replaying import BacktestDate, EngineAt, Progress, Replay, Tally
from cs_ml.services.truth.validation import judge
from cs_ml.store.database import Database
from cs_ml.store.learning.backtests import BacktestRepository

_DEAD_AFTER = timedelta(minutes=10)
_DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestReport:
    """`headline`: one prediction per account and window, whose whole time has passed; `every`: all of these.
    `without_engine`: days on which the engine could not have served. `failed`: accounts that it gave no answer for."""

    request: BacktestRequest
    stored: bool
    finished: bool
    predictions: int
    failed: int
    unjudged: Mapping[Unjudged, int]
    approximate: int
    dates: Sequence[BacktestDate]
    without_engine: Sequence[date]
    headline: Evaluation
    every: Evaluation


class BacktestService:
    def __init__(self, database: Database, clock: Clock, engines_at: Mapping[EngineName, EngineAt]) -> None:
        self._database = database
        self._clock = clock
        self._engines_at = engines_at

    def run(
        self, actor: Actor, request: BacktestRequest, *, store: bool = False, progress: Progress | None = None
    ) -> BacktestReport:
        """Replays each day of the request for every customer of then, and judges it by what is known now.

        `store` keeps the predictions, apart from live ones; the same request again goes on where it stopped. `progress`
        is told the day and how many are done. Raises Invalid for days to come, for an engine that is not set up, and
        where the same backtest runs elsewhere.
        """
        actor.require(Permission.PREDICT)
        if actor.scope == "owned":
            raise Forbidden("A backtest is of the whole tenant. Ask somebody who sees all accounts.")
        if request.instants[-1] >= self._clock():
            raise Invalid("A backtest is of the past: end before today.", fields={"to": "a day that has passed"})
        engine_at = self._engines_at.get(request.engine)
        if engine_at is None:
            raise Invalid(f"The engine `{request.engine}` is not set up here.", fields={"engine": "another engine"})
        run_id = self._start(actor, request) if store else None
        work = Replay(self._database, self._clock, actor, request=request, run_id=run_id, progress=progress)
        finished = False
        try:
            finished = work.run(engine_at)
        finally:
            if run_id is not None:
                self._finish(actor, run_id, work.tally, finished=finished)
        return _report(request, work.tally, stored=store, finished=finished)

    def list(self, actor: Actor) -> Sequence[BacktestRun]:
        """The backtests that are kept, the newest first."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return BacktestRepository(scope).list()

    def cancel(self, actor: Actor, run_id: int) -> None:
        """Stops a running backtest after the customers that it is at. Raises NotFound, Forbidden."""
        actor.require(Permission.PREDICT)
        with self._database.write(actor) as scope:
            if not BacktestRepository(scope).cancel(run_id):
                raise NotFound("There is no such backtest that runs.", code="BACKTEST_NOT_FOUND")

    def _start(self, actor: Actor, request: BacktestRequest) -> int:
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            run_id = BacktestRepository(scope).start(request, now, dead_since=now - _DEAD_AFTER)
        if run_id is None:
            raise Invalid("This backtest runs already. Wait for it, or cancel it on the Accuracy page.")
        return run_id

    def _finish(self, actor: Actor, run_id: int, tally: Tally, *, finished: bool) -> None:
        now = self._clock()
        status = BacktestStatus.DONE if finished else BacktestStatus.STOPPED
        with self._database.write(actor) as scope:
            BacktestRepository(scope).finish(run_id, status, now, done=tally.done, predictions=tally.predictions)
            judge(scope, now)


def _report(request: BacktestRequest, tally: Tally, *, stored: bool, finished: bool) -> BacktestReport:
    churned, chances, accounts = (np.array(values) for values in (tally.churned, tally.chances, tally.accounts))
    first = one_per_window(accounts, tally.starts, request.window_days * _DAY_MS)
    return BacktestReport(
        request=request,
        stored=stored,
        finished=finished,
        predictions=tally.predictions,
        failed=tally.failed,
        unjudged=dict(tally.unjudged),
        approximate=tally.approximate,
        dates=tally.dates,
        without_engine=tally.without_engine,
        headline=evaluate(churned[first], chances[first], accounts[first]),
        every=evaluate(churned, chances, accounts),
    )
