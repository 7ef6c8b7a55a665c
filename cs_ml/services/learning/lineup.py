"""Which engines serve a tenant at an instant, in the order in which they are asked."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from cs_ml.domain.actor import Actor
from cs_ml.domain.identity.tenant_settings import read_settings
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import EngineName
from cs_ml.engines.base import Engine, wants_signals
from cs_ml.engines.calibration.engine import CalibratedEngine
from cs_ml.engines.calibration.numbers import Calibration
from cs_ml.engines.learned.engine import LearnedEngine
from cs_ml.engines.learned.model import load_model
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import Scorecard
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.learning.models import CalibrationRepository, ModelRepository, StoredCalibration
from cs_ml.store.scope import Scope

AUTO_CHOICE = "champion_chosen"  # the tenant's setting that keeps what `auto` came to
_KEPT = 64  # models in memory, over all tenants


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineup:
    """`free`: the engines that cost nothing, the one that serves first, the scorecard last; `idle`: those that could
    serve and do not. `llm`: whether a language model is asked before them where one is set up, and `llm_calibration`
    what its answers are adjusted by."""

    free: Sequence[Engine]
    idle: Sequence[Engine] = ()
    llm: bool = True
    llm_calibration: tuple[Calibration, str, float] | None = None

    @property
    def signals(self) -> bool:
        return any(wants_signals(engine) for engine in self.free)


Lineups = Callable[[Actor, datetime], Lineup]


def lineups_of(engines: Sequence[Engine] | Lineups) -> Lineups:
    """The same engines for everybody, or those that are looked up."""
    return engines if callable(engines) else lambda _actor, _at: Lineup(free=engines)


@dataclass(slots=True)
class _Cache:
    """Engines by tenant and version of the model: read-only, so threads share them."""

    engines: OrderedDict[tuple[str, str], LearnedEngine] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)


class TenantLineups:
    """Callable as `Lineups`."""

    def __init__(self, database: Database, rules: Engine, scorecard: Scorecard) -> None:
        self._database = database
        self._rules = rules
        self._scorecard = scorecard
        self._cache = _Cache()

    def __call__(self, actor: Actor, at: datetime) -> Lineup:
        """What was in force at `at`: a model trained later knows outcomes of later."""
        with self._database.read(Actor.system(actor.tenant_id)) as scope:
            stored = TenantSettingRepository(scope).list()
            calibrations = CalibrationRepository(scope).list(at)
            learned = self._learned(scope, actor, at)
        settings = read_settings(stored)
        champion, weights = settings.champion, settings.scorecard_weights
        chosen = stored.get(AUTO_CHOICE) if champion == "auto" else champion
        rules = self._weighted(weights) if weights else _adjusted(self._rules, calibrations)
        serves = learned is not None and chosen != "rules" and (learned.serves or chosen == "learned")
        return Lineup(
            free=[learned, rules] if serves and learned else [rules],
            idle=[learned] if learned and not serves else [],
            llm=chosen in {None, "llm"},
            llm_calibration=_numbers(calibrations.get("llm")),
        )

    def rules(self, actor: Actor) -> Engine:
        """The scorecard with the tenant's weights, not adjusted to outcomes."""
        with self._database.read(Actor.system(actor.tenant_id)) as scope:
            weights = read_settings(TenantSettingRepository(scope).list()).scorecard_weights
        return self._weighted(weights) if weights else self._rules

    def _weighted(self, weights: Mapping[str, float]) -> Engine:
        """Its chances are never adjusted: what happened was compared with those of the card as it ships."""
        return RulesEngine(self._scorecard.weighted(weights))

    def _learned(self, scope: Scope, actor: Actor, at: datetime) -> LearnedEngine | None:
        models = ModelRepository(scope)
        version = models.version(DEFAULT_WINDOW_DAYS, at)
        if version is None:
            return None
        key = (actor.tenant_id, version)
        with self._cache.lock:
            if key in self._cache.engines:
                self._cache.engines.move_to_end(key)
                return self._cache.engines[key]
        stored = models.find(DEFAULT_WINDOW_DAYS, at)
        if stored is None:
            return None
        engine = LearnedEngine(load_model(stored.numbers), self._scorecard)
        with self._cache.lock:
            self._cache.engines[key] = engine
            while len(self._cache.engines) > _KEPT:
                self._cache.engines.popitem(last=False)
        return engine


def _numbers(found: StoredCalibration | None) -> tuple[Calibration, str, float] | None:
    """The numbers, their version, and the share that left among what they were fitted to."""
    return (Calibration.load(found.numbers), found.version, found.churned / found.outcomes) if found else None


def _adjusted(engine: Engine, calibrations: Mapping[EngineName, StoredCalibration]) -> Engine:
    numbers = _numbers(calibrations.get(engine.name))
    return CalibratedEngine(engine, *numbers) if numbers else engine
