"""What changed between two dates of one account, and why."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid
from cs_ml.domain.health.changes import Change, Changes
from cs_ml.domain.health.insights import MAX_READING_AGE
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.engines.base import Engine
from cs_ml.engines.health.changes import churn_change, health_change
from cs_ml.engines.health.insights import HISTORY_DAYS
from cs_ml.services.clock import Clock, Moment, moment
from cs_ml.services.health.reading import read_health
from cs_ml.services.predicting.scoring import PredictionRequest, read_scenes, score
from cs_ml.store.accounts import not_found
from cs_ml.store.database import Database
from cs_ml.store.history.scores import HealthScoreRepository


class ExplanationService:
    """`scorecard` of the tenant is asked whatever engine serves: it is the one whose parts add up."""

    def __init__(self, database: Database, clock: Clock, scorecard: Callable[[Actor], Engine]) -> None:
        self._database = database
        self._clock = clock
        self._scorecard = scorecard

    def explain(self, actor: Actor, account_id: int, since: datetime, until: datetime) -> Changes:
        """Between what was known at `since` and at `until` (not after now). Raises NotFound, Invalid."""
        actor.require(Permission.READ)
        first, last = moment(self._clock, since), moment(self._clock, until)
        if first.at >= last.at:
            raise Invalid("The first date must lie before the second.", fields={"from": "a date before the second one"})
        churn = self._churn(actor, account_id, first, last)
        oldest = first.at - timedelta(days=HISTORY_DAYS)
        readings, derived = read_health(self._database, actor, account_id, oldest, last.at)
        before, after = _newest(readings, first.at), _newest(readings, last.at)
        health = None
        if before and after:
            with self._database.read(actor) as scope:
                recorded = HealthScoreRepository(scope).weights(account_id, after.at)
            health = health_change(before, after, readings, recorded)
        return Changes(
            since=first.at,
            until=last.at,
            health=health,
            no_health="" if health else _missing(last.at if before else first.at),
            derived=derived,
            churn=churn,
            window_days=DEFAULT_WINDOW_DAYS,
        )

    def _churn(self, actor: Actor, account_id: int, first: Moment, last: Moment) -> Change:
        request = PredictionRequest(account_id=account_id)
        found, scorecard = [], self._scorecard(actor)
        for at in (first, last):
            scenes = read_scenes(self._database, actor, [account_id], at, self._clock())
            if account_id not in scenes:
                raise not_found()
            found.append(score([scorecard], request, scenes[account_id], "replay"))
        return churn_change(*found)


def _newest(readings: Sequence[HealthReading], at: datetime) -> HealthReading | None:
    """The last overall score by `at`, None where it is too old to speak for that day."""
    known = [reading for reading in readings if reading.at <= at and "overall" in reading.scores]
    return known[-1] if known and at - known[-1].at <= MAX_READING_AGE else None


def _missing(at: datetime) -> str:
    return f"There is no health score of the {MAX_READING_AGE.days} days before {at:%-d %B %Y}."
