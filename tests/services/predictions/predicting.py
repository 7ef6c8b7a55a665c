"""Services that predict, with a clock that the test moves and engines that do as they are told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.predictions import EngineName, Provenance
from cs_ml.engines.base import Answer, Engine
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.llm.chain import EngineChain
from cs_ml.services.predicting.batches import BatchService
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from cs_ml.store.tables import AccountMLPrediction, PredictionClaim
from tests.support.factories import NOW

RULES = RulesEngine(default_scorecard())


@dataclass(slots=True)
class TestClock:
    __test__ = False
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **units: float) -> None:
        self.now += timedelta(**units)


def do_nothing() -> None:
    """What most engines do before they answer."""


@dataclass(slots=True)
class ScriptedEngine:
    """Answers as the rules do, after `before`; raises what `failure` holds."""

    name: EngineName = "llm"
    version: str = "scripted"
    before: Callable[[], None] = do_nothing
    failure: Exception | None = None
    asked: int = 0

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        self.asked += 1
        self.before()
        if self.failure is not None:
            raise self.failure
        answer = RULES.assess(context, reference, window_days)
        return replace(answer, provenance=Provenance(engine=self.name, version=self.version))


def unavailable() -> EngineUnavailable:
    return EngineUnavailable("The model does not answer.", reason="timeout")


def predicting(
    database: Database,
    clock: Callable[[], datetime],
    engines: Sequence[Engine] = (RULES,),
    *,
    limit: int = 100,
    sleep: Callable[[float], None] | None = None,
) -> PredictionService:
    """Where nobody is expected to wait, waiting is an error."""
    return PredictionService(database, clock, EngineChain(engines), PredictionLimit(limit), sleep or _refuse)


def batching(database: Database, clock: Callable[[], datetime], engines: Sequence[Engine] = (RULES,)) -> BatchService:
    return BatchService(database, clock, engines)


def _refuse(seconds: float) -> None:
    raise AssertionError(f"nobody should wait here, least of all {seconds} s")


def stored(database: Database, actor: Actor, **where: Any) -> int:
    """Rows of the tenant's predictions; `where` by attribute."""
    conditions = [getattr(AccountMLPrediction, name) == value for name, value in where.items()]
    with database.read(actor) as scope:
        return int(scope.execute(select(func.count(AccountMLPrediction.id)).where(*conditions)).scalar() or 0)


def claims(database: Database, actor: Actor) -> int:
    with database.read(actor) as scope:
        return int(scope.execute(select(func.count(PredictionClaim.id))).scalar() or 0)
