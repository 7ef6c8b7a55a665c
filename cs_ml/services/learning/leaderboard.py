"""Which engine was best: Brier skill on judged predictions, one per account and window."""

from collections.abc import Sequence
from dataclasses import dataclass

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.identity.tenant_settings import read_settings
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import EngineName, PredictionType
from cs_ml.domain.truth.outcomes import MIN_CHURNED, MIN_JUDGED
from cs_ml.evaluation.metrics import evaluate
from cs_ml.services.clock import Clock
from cs_ml.services.learning.lineup import AUTO_CHOICE
from cs_ml.services.truth.judged import Judged, judged_of
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.learning.judgements import JudgementRepository

_ENGINES: tuple[EngineName, ...] = ("rules", "learned", "llm")  # of equal skill the simpler one


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """`skill`: Brier skill against the base rate, higher is better; None below the minimum number."""

    engine: EngineName
    n: int
    churned: int
    skill: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaderboard:
    """Best first. `champion`: the engine that serves by the tenant's setting, None for the usual order."""

    places: Sequence[Place]
    champion: EngineName | None


class LeaderboardService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def settle_auto(self, actor: Actor) -> Leaderboard | None:
        """The same where the tenant lets the product choose; else None, and nothing is compared. Raises Forbidden."""
        actor.require(Permission.MANAGE_TENANT)
        with self._database.read(Actor.system(actor.tenant_id)) as scope:
            chosen = read_settings(TenantSettingRepository(scope).list()).champion
        return self.settle(actor) if chosen == "auto" else None

    def settle(self, actor: Actor) -> Leaderboard:
        """Compares the engines, and keeps the best as what the champion `auto` means. Raises Forbidden."""
        actor.require(Permission.MANAGE_TENANT)
        everyone, now = Actor.system(actor.tenant_id), self._clock()
        with self._database.read(everyone) as scope:
            rows = JudgementRepository(scope).judged(PredictionType.CHURN, DEFAULT_WINDOW_DAYS, replays=False, now=now)
            champion = read_settings(TenantSettingRepository(scope).list()).champion
        places = _places(judged_of(rows, DEFAULT_WINDOW_DAYS))
        best = next((place.engine for place in places if place.skill is not None and place.skill > 0), None)
        with self._database.write(everyone) as scope:
            TenantSettingRepository(scope).save(AUTO_CHOICE, best, now)
        return Leaderboard(places=places, champion=best if champion == "auto" else champion)


def _places(judged: Judged) -> list[Place]:
    places = [_place(engine, judged.where(judged.headline & (judged.engine == engine))) for engine in _ENGINES]
    told = [place for place in places if place.n]
    return sorted(told, key=lambda place: -(place.skill if place.skill is not None else float("-inf")))


def _place(engine: EngineName, judged: Judged) -> Place:
    n, churned = len(judged), int(judged.churned.sum())
    if n < MIN_JUDGED or churned < MIN_CHURNED:
        return Place(engine=engine, n=n, churned=churned, skill=None, low=None, high=None)
    found = evaluate(judged.churned, judged.chance, judged.account, figures=("skill",)).figure("skill")
    return Place(engine=engine, n=n, churned=churned, skill=found.value, low=found.low, high=found.high)
