"""How often predictions were right: counts, and the judged predictions that figures are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import PredictionType
from cs_ml.domain.truth.outcomes import OutcomeCounts, Unjudged
from cs_ml.evaluation.report import Evaluation
from cs_ml.services.clock import Clock
from cs_ml.services.truth.figures import engines_in, evaluation_of, pick
from cs_ml.services.truth.judged import Judged, judged_of
from cs_ml.services.truth.validation import complete_until, last_day
from cs_ml.store.database import Database
from cs_ml.store.learning.judgements import JudgementRepository
from cs_ml.store.learning.shadows import ShadowRepository


@dataclass(frozen=True, kw_only=True, slots=True)
class AccuracyState:
    """What there is to look at. `windows`: lengths in days of judged predictions, the most frequent first. `shadows`:
    predictions of methods that did not serve, and how many of them are judged. `version` changes whenever the judged
    predictions may have."""

    live: OutcomeCounts
    replayed: OutcomeCounts
    live_windows: Sequence[int]
    replayed_windows: Sequence[int]
    shadows: tuple[int, int]
    complete_until: date | None
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AccuracySummary:
    """In the words of the HTTP contract. `accuracy`: share of the validated whose chance of ACCURATE_FROM or more, or
    less, said what came; None without any. `headline` by engine: one prediction per account and window."""

    total_predictions: int
    validated_count: int
    accurate_count: int
    accuracy: float | None
    open_count: int
    unjudged: Mapping[Unjudged, int]
    by_type: Mapping[str, Mapping[str, int | float | None]]
    headline: Mapping[str, Evaluation]


class AccuracyService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def state(self, actor: Actor) -> AccuracyState:
        """Of churn predictions of the accounts that the actor sees."""
        actor.require(Permission.READ)
        kind, now = PredictionType.CHURN, self._clock()
        with self._database.read(actor) as scope:
            complete, judgements = complete_until(scope, now), JudgementRepository(scope)
            return AccuracyState(
                live=judgements.counts(kind, replays=False, now=now, complete=complete),
                replayed=judgements.counts(kind, replays=True, now=now, complete=complete),
                live_windows=judgements.windows(kind, replays=False),
                replayed_windows=judgements.windows(kind, replays=True),
                shadows=ShadowRepository(scope).counts(),
                complete_until=last_day(complete),
                version=judgements.version(),
            )

    def version(self, actor: Actor) -> str:
        """Changes whenever the judged predictions may have; one short statement."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return JudgementRepository(scope).version()

    def judged(self, actor: Actor, window_days: int, *, replays: bool) -> Judged:
        """Churn predictions of this window whose time has passed, live ones or replays of the past."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            rows = JudgementRepository(scope).judged(
                PredictionType.CHURN, window_days, replays=replays, now=self._clock()
            )
        return judged_of(rows, window_days)

    def names(self, actor: Actor, account_ids: Sequence[int]) -> Mapping[int, tuple[str, str]]:
        """The name, and the reference or else the id, of each account that the actor sees."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return JudgementRepository(scope).names(account_ids)

    def summary(self, actor: Actor, kind: PredictionType | None = None, *, replays: bool = False) -> AccuracySummary:
        """Of all types, or one; `replays`: of backtests in the place of live predictions."""
        actor.require(Permission.READ)
        now = self._clock()
        with self._database.read(actor) as scope:
            complete, judgements = complete_until(scope, now), JudgementRepository(scope)
            counts = {
                one: judgements.counts(one, replays=replays, now=now, complete=complete)
                for one in ([kind] if kind else PredictionType)
            }
        found = {one: each for one, each in counts.items() if each.total or one is kind}
        judged = self.judged(actor, DEFAULT_WINDOW_DAYS, replays=replays)
        validated = sum(each.judged for each in found.values())
        accurate = sum(each.accurate for each in found.values())
        return AccuracySummary(
            total_predictions=sum(each.total for each in found.values()),
            validated_count=validated,
            accurate_count=accurate,
            accuracy=accurate / validated if validated else None,
            open_count=sum(each.open for each in found.values()),
            unjudged=_sum([each.unjudged for each in found.values()]),
            by_type={one.value: _type_answer(each) for one, each in found.items()},
            headline={
                name: evaluation_of(pick(judged, engine=name))
                for name in engines_in(judged)
                if kind in {None, PredictionType.CHURN}
            },
        )


def _sum(counts: Sequence[Mapping[Unjudged, int]]) -> Mapping[Unjudged, int]:
    return {
        why: total for why in Unjudged if why is not Unjudged.OPEN and (total := sum(one.get(why, 0) for one in counts))
    }


def _type_answer(counts: OutcomeCounts) -> Mapping[str, int | float | None]:
    return {
        "totalPredictions": counts.total,
        "validatedCount": counts.judged,
        "accurateCount": counts.accurate,
        "accuracy": counts.accurate / counts.judged if counts.judged else None,
    }
