"""How good the health forecasts would have been: from each past day with what was known on it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid
from cs_ml.domain.health.insights import DROP_POINTS, FORECAST_DAYS
from cs_ml.domain.health.reference import HealthReference
from cs_ml.engines.health.forecast import Forecasts, Months, forecasts, learn
from cs_ml.engines.health.panel import MEMORY_DAYS, Panel, States, outcomes_after, states_at
from cs_ml.evaluation.health import (
    DropFigures,
    Floats,
    IntervalFigures,
    ScoreForecast,
    drop_figures,
    interval_figures,
    stays,
    straight_line,
)
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.health.learning import ENDED_DAYS, EVERY_DAYS, LEARNED_DAYS, read_panel
from cs_ml.store.database import Database
from cs_ml.store.history.references import ReferenceRepository
from cs_ml.store.history.scores import HealthScoreRepository

MOST_DAYS = 1_100
MOST_ACCOUNTS = 3_000
_JUDGED_EVERY = 2  # positions: windows of one account then do not overlap


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthBacktest:
    """`models`: ours, naive ("stays as it is"), linear; all over the same forecasts."""

    models: Mapping[str, IntervalFigures]
    drop: DropFigures


@dataclass(frozen=True, slots=True)
class _Origin:
    """What was known at the end of one day, what was learned until then, and what came."""

    day: int
    states: States
    reference: HealthReference
    outcomes: Floats


class HealthBacktestService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self, actor: Actor) -> HealthBacktest:
        """Over the last MOST_DAYS up to the newest score, or the newest activity where scores are derived from it.

        Raises Invalid where there is nothing to judge.
        """
        actor.require(Permission.READ)
        now = milliseconds(self._clock())
        with self._database.read(Actor.system(actor.tenant_id)) as scope:
            repository = HealthScoreRepository(scope)
            until = repository.newest(now) or ReferenceRepository(scope).newest_fact(now) or now
            panel = read_panel(repository, until, days=MOST_DAYS, most=MOST_ACCOUNTS)
        judged = [_judge(panel, origin) for origin in _origins(panel, until)]
        columns = [np.concatenate(parts) for parts in zip(*judged, strict=True)]
        if not columns or not len(columns[0]):
            raise Invalid(
                "There are too few health scores to judge forecasts: two months of several accounts are needed.",
                fields={"tenant": "a tenant with health scores"},
            )
        actual, last, chance, usual, *methods = columns
        return HealthBacktest(
            models={
                name: interval_figures(ScoreForecast(*methods[start : start + 3]), actual)
                for name, start in (("ours", 0), ("naive", 3), ("linear", 6))
            },
            drop=drop_figures(chance, usual, actual - last <= -DROP_POINTS),
        )


def _origins(panel: Panel, until: datetime) -> Iterator[_Origin]:
    """Every second position that the past had something to teach about."""
    known: dict[int, Months] = {}
    days = range(FORECAST_DAYS, panel.days - FORECAST_DAYS, EVERY_DAYS)
    for number, day in enumerate(days):
        states, outcomes = states_at(panel, day), outcomes_after(panel, day)
        known[day] = Months.of(states, outcomes)
        if number % _JUDGED_EVERY:
            continue
        past = [months for at, months in known.items() if day - LEARNED_DAYS <= at <= day - ENDED_DAYS]
        reference = learn(past, until)
        if reference.cells:
            yield _Origin(day, states, reference, outcomes)


def _judge(panel: Panel, origin: _Origin) -> list[Floats]:
    """Of the accounts that every method can be judged on: outcome, last score, chance, usual rate, three forecasts."""
    found: Forecasts = forecasts(origin.states, origin.reference)
    window = slice(max(0, origin.day - MEMORY_DAYS), origin.day + 1)
    naive = stays(panel.held[:, window], FORECAST_DAYS)
    line = straight_line(panel.readings[:, window], FORECAST_DAYS)
    kept = origin.states.known & np.isfinite(origin.outcomes) & np.isfinite(line.score)
    usual = np.full(len(kept), origin.reference.drop_rate)
    columns = [
        *(origin.outcomes, origin.states.last, found.drop, usual),
        *(found.score, found.low, found.high),
        *(naive.score, naive.low, naive.high),
        *(line.score, line.low, line.high),
    ]
    return [column[kept] for column in columns]
