"""One backtest at work: day by day the customers of then, through the code that predicts today."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import EngineUnavailable, Invalid
from cs_ml.domain.predictions import Prediction
from cs_ml.domain.truth.backtests import BacktestRequest
from cs_ml.domain.truth.outcomes import Outcome, OutcomeSource, Unjudged
from cs_ml.engines.base import Engine, wants_signals
from cs_ml.services.clock import Clock, Moment
from cs_ml.services.predicting.batches import was_there
from cs_ml.services.predicting.scoring import PredictionRequest, Scene, read_scenes, score
from cs_ml.services.truth.validation import complete_until
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database
from cs_ml.store.learning.backtests import BacktestRepository
from cs_ml.store.learning.outcomes import OutcomeRepository
from cs_ml.store.predictions import PredictionRepository

# The engine as it was, or would have been, at an instant; None where it could not have served then.
EngineAt = Callable[[Actor, datetime], Engine | None]
Progress = Callable[[date, int], None]

_CHUNK = 500
_EVERYBODY = 10_000_000
_CALLS_AT_ONCE = 10  # answers of a model are dear: few are lost where a run dies


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestDate:
    """One day: how many were predicted, how many of them are judged, how many of those left."""

    day: date
    predictions: int
    judged: int
    churned: int


@dataclass(slots=True)
class Tally:
    """What was found so far."""

    accounts: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)
    churned: list[bool] = field(default_factory=list)
    unjudged: Counter[Unjudged] = field(default_factory=Counter)
    approximate: int = 0
    predictions: int = 0
    failed: int = 0
    calls: int = 0
    cost: Decimal = Decimal(0)
    cost_known: bool = True
    dates: list[BacktestDate] = field(default_factory=list)
    without_engine: list[date] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Days that are over and done with."""
        return len(self.dates) + len(self.without_engine)

    def add(self, at: datetime, chances: Mapping[int, float], outcomes: Mapping[int, Outcome], *, over: bool) -> None:
        """`over`: the whole time has passed."""
        found = Counter[str]()
        for account_id, chance in chances.items():
            outcome = outcomes[account_id]
            if outcome.churned is None:
                self.unjudged[outcome.unjudged or Unjudged.OPEN] += 1
                continue
            found["judged"] += 1
            found["churned"] += outcome.churned
            if outcome.source is OutcomeSource.APPROXIMATE:
                self.approximate += 1
            elif over:
                self.accounts.append(account_id)
                self.starts.append(int(at.timestamp() * 1000))
                self.chances.append(chance)
                self.churned.append(outcome.churned)
        self.predictions += len(chances)
        self.dates.append(
            BacktestDate(day=at.date(), predictions=len(chances), judged=found["judged"], churned=found["churned"])
        )


class Replay:
    """A backtest of one request; `run_id` is its row where its predictions are kept."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        actor: Actor,
        *,
        request: BacktestRequest,
        run_id: int | None,
        progress: Progress | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._actor = actor
        self._request = request
        self._run_id = run_id
        self._progress = progress
        self.tally = Tally()

    def run(self, engine_at: EngineAt) -> bool:
        """Fills the tally; False where it had to end early."""
        with self._database.read(self._actor) as scope:
            everyone = AccountRepository(scope).list_ids(limit=_EVERYBODY)
        return all(self._day(engine_at(self._actor, at), at, everyone) for at in self._request.instants)

    def _day(self, engine: Engine | None, at: datetime, everyone: Sequence[int]) -> bool:
        if engine is None:
            self.tally.without_engine.append(at.date())
            return True
        chances: dict[int, float] = {}
        outcomes: dict[int, Outcome] = {}
        go_on = True
        for ids in self._customers(at, everyone):
            found = self._chances(engine, ids, at)
            chances |= found
            outcomes |= self._outcomes(list(found), at)
            if self._progress:
                self._progress(at.date(), len(chances))
            go_on = self._may_go_on(len(chances))
            if not go_on:
                break
        over = at + timedelta(days=self._request.window_days) <= self._clock()
        self.tally.add(at, chances, outcomes, over=over)
        return go_on

    def _customers(self, at: datetime, everyone: Sequence[int]) -> Sequence[Sequence[int]]:
        """Account ids in chunks; where calls are limited a share of them, drawn by the date, in small ones."""
        ids, size = list(everyone), _CHUNK
        if self._request.max_calls is not None:
            random.Random(at.isoformat()).shuffle(ids)  # noqa: S311 - a sample that everybody can draw again
            days_left = sum(instant >= at for instant in self._request.instants)
            ids, size = ids[: (self._request.max_calls - self.tally.calls) // days_left], _CALLS_AT_ONCE
        return [ids[start : start + size] for start in range(0, len(ids), size)]

    def _chances(self, engine: Engine, ids: Sequence[int], at: datetime) -> Mapping[int, float]:
        """By account; what is stored already is not computed again."""
        stored: Mapping[int, float] = {}
        window = self._request.window_days
        with self._database.read(self._actor) as scope:
            left = AccountRepository(scope).left(ids, at)
            if self._run_id is not None:
                stored = BacktestRepository(scope).replays(ids, at, engine.name, engine.version, window)
        missing = [one for one in ids if one not in stored]
        scenes = read_scenes(
            self._database, self._actor, missing, Moment(at, live=False), self._clock(), signals=wants_signals(engine)
        )
        present = [scene for account_id, scene in scenes.items() if was_there(scene.context, left.get(account_id))]
        made = [found for scene in present if (found := self._predict(engine, scene))]
        if self._run_id is not None:
            with self._database.write(self._actor) as scope:
                PredictionRepository(scope).save_all(made, self._clock())
        return {**stored, **{one.account_id: one.probability for one in made}}

    def _predict(self, engine: Engine, scene: Scene) -> Prediction | None:
        """None, and counted, where the engine has no answer."""
        request = PredictionRequest(account_id=scene.context.profile.account_id, window_days=self._request.window_days)
        self.tally.calls += 1
        try:
            made = score([engine], request, scene, "replay")
        except EngineUnavailable:
            self.tally.failed += 1
            return None
        source = made.provenance
        if source.model is not None:
            self.tally.cost_known &= source.cost is not None
            self.tally.cost += source.cost or 0
        return made

    def _outcomes(self, ids: Sequence[int], at: datetime) -> Mapping[int, Outcome]:
        now = self._clock()
        with self._database.read(self._actor) as scope:
            complete = complete_until(scope, now)
            window = self._request.window_days
            return OutcomeRepository(scope).verdicts(ids, at, window, known_by=now, complete=complete)

    def _may_go_on(self, of_day: int) -> bool:
        tally, most = self.tally, self._request.max_cost
        if self._run_id is not None:
            predictions = tally.predictions + of_day
            with self._database.write(self._actor) as scope:
                runs = BacktestRepository(scope)
                if not runs.advance(self._run_id, self._clock(), done=tally.done, predictions=predictions):
                    return False
        if most is not None and not tally.cost_known:
            raise Invalid(
                "The price of the model is not known, so no limit of cost can be kept. Name it in CS_ML_LLM_PRICES.",
                fields={"max_cost": "a model of a known price"},
            )
        return most is None or tally.cost < most
