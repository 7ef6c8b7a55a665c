"""Training a tenant's model and calibrations, and the models that would have been in force on past days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from json import dumps
from typing import Any

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Forbidden
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS, MAX_PROBABILITY, MIN_PROBABILITY
from cs_ml.domain.predictions import EngineName
from cs_ml.engines.base import Engine
from cs_ml.engines.calibration.fitting import fit_calibration
from cs_ml.engines.learned.engine import LearnedEngine
from cs_ml.engines.learned.features import POINTS, Measures, measures
from cs_ml.engines.learned.fitting import Prior
from cs_ml.engines.learned.model import LearnedModel, dump_model
from cs_ml.engines.learned.selection import TrainingRows
from cs_ml.engines.learned.training import cold_start, enough, fingerprint_of, train, usual_rate
from cs_ml.engines.scorecard import Scorecard
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.learning.priors import shipped_prior
from cs_ml.services.learning.rows import Asked, judged_windows, read_rows, scenes_at
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database
from cs_ml.store.learning.calibrations import MaturedRepository
from cs_ml.store.learning.models import CalibrationRepository, ModelRepository, StoredCalibration, StoredModel

_EVERYBODY = 10_000_000
_COLD_ACCOUNTS = 2_000  # tell a tenant's usual points well enough


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationReport:
    """`method` None: too few outcomes, so nothing is adjusted."""

    engine: EngineName
    outcomes: int
    churned: int
    method: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingReport:
    """`kind`: what was chosen; `losses`: mean log loss in the validation by candidate. `serves`: whether it serves
    without being picked."""

    kind: str
    version: str
    fingerprint: str
    rows: int
    churned: int
    base_rate: float
    serves: bool
    losses: Mapping[str, float]
    says: str
    calibrations: Sequence[CalibrationReport]


class TrainingService:
    def __init__(self, database: Database, clock: Clock, scorecard: Scorecard) -> None:
        self._database = database
        self._clock = clock
        self._scorecard = scorecard

    def train(self, actor: Actor) -> TrainingReport:
        """A model from everything that is judged by now, stored with its calibrations. Where too little is, a cold
        start from public data. Raises Forbidden."""
        everyone, now = _everyone(actor), milliseconds(self._clock())
        return self._train(everyone, self._rows(everyone, now), now)

    def train_again(self, actor: Actor) -> TrainingReport | None:
        """The same where enough is judged, and other windows than the model in force knows; else None. Raises
        Forbidden."""
        everyone, now = _everyone(actor), milliseconds(self._clock())
        rows = self._rows(everyone, now)
        with self._database.read(everyone) as scope:
            inforce = ModelRepository(scope).find(DEFAULT_WINDOW_DAYS, now)
        if not enough(rows) or (inforce and inforce.fingerprint == fingerprint_of(rows)):
            return None
        return self._train(everyone, rows, now)

    def _train(self, everyone: Actor, rows: TrainingRows, now: datetime) -> TrainingReport:
        prior = shipped_prior(self._scorecard)
        model = train(rows, prior, self._scorecard.version) if enough(rows) else self._cold(everyone, rows, prior, now)
        calibrations = [self._calibration("rules", *raw_rules(rows, self._scorecard), now), self._llm(everyone, now)]
        with self._database.write(everyone) as scope:
            ModelRepository(scope).save(_stored(model, now), now)
            for _, found in calibrations:
                if found is not None:
                    CalibrationRepository(scope).save(found, now)
        return _report(model, [report for report, _ in calibrations])

    def engine_at(self, actor: Actor, at: datetime) -> Engine | None:
        """The engine as it would have been at `at`, trained on what was judged by then; None where that is too little
        or told nothing."""
        everyone = Actor.system(actor.tenant_id)
        rows = self._rows(everyone, at)
        if not enough(rows):
            return None
        model = train(rows, shipped_prior(self._scorecard), self._scorecard.version)
        return LearnedEngine(model, self._scorecard) if model.has_signal else None

    def _rows(self, actor: Actor, known_by: datetime) -> TrainingRows:
        asked: Asked = judged_windows(self._database, actor, DEFAULT_WINDOW_DAYS, known_by)
        return read_rows(
            self._database,
            actor,
            asked,
            window_days=DEFAULT_WINDOW_DAYS,
            scorecard=self._scorecard,
            now=self._clock(),
        )

    def _cold(self, actor: Actor, rows: TrainingRows, prior: Prior, now: datetime) -> LearnedModel:
        """At what is known of the tenant's base rate."""
        with self._database.read(actor) as scope:
            ids = AccountRepository(scope).list_ids(limit=_COLD_ACCOUNTS)
        scenes = scenes_at(self._database, actor, ids, now, now)
        everyone = [measures(scene.context, scene.reference, self._scorecard) for scene in scenes]
        return cold_start(everyone, prior, usual_rate(rows.churned), DEFAULT_WINDOW_DAYS, self._scorecard.version)

    def _llm(self, actor: Actor, now: datetime) -> tuple[CalibrationReport, StoredCalibration | None]:
        with self._database.read(actor) as scope:
            matured = MaturedRepository(scope).list("llm", DEFAULT_WINDOW_DAYS, now)
        return self._calibration("llm", [one.raw for one in matured], [one.churned for one in matured], now)

    @staticmethod
    def _calibration(
        engine: EngineName, chances: Sequence[float], churned: Sequence[bool], now: datetime
    ) -> tuple[CalibrationReport, StoredCalibration | None]:
        found = fit_calibration(chances, churned)
        report = CalibrationReport(
            engine=engine, outcomes=len(churned), churned=sum(churned), method=found.method if found else None
        )
        if found is None:
            return report, None
        numbers = found.dump()
        version = sha256(dumps(numbers, sort_keys=True).encode()).hexdigest()[:8]
        stored = StoredCalibration(
            engine=engine,
            version=version,
            fitted_at=now,
            outcomes=report.outcomes,
            churned=report.churned,
            numbers=numbers,
        )
        return report, stored


def _everyone(actor: Actor) -> Actor:
    """Who reads the whole tenant for `actor`. Raises Forbidden."""
    actor.require(Permission.MANAGE_TENANT)
    if actor.scope == "owned":
        raise Forbidden("Training reads the whole tenant. Ask somebody who sees all accounts.")
    return Actor.system(actor.tenant_id)


def raw_rules(rows: TrainingRows, scorecard: Scorecard) -> tuple[list[float], list[bool]]:
    """What the scorecard would have said of the rows, and what happened."""
    return [raw_chance(one, scorecard) for one in rows.measures], [bool(one) for one in rows.churned]


def raw_chance(seen: Measures, scorecard: Scorecard) -> float:
    total = scorecard.base + sum(float(seen[f"{POINTS}{part.code}"]) for part in scorecard.part)
    return min(max(total, MIN_PROBABILITY), MAX_PROBABILITY)


def _stored(model: LearnedModel, now: datetime) -> StoredModel:
    numbers = dump_model(model)
    metrics: dict[str, Any] = numbers["metrics"]
    return StoredModel(
        version=model.version,
        kind=model.kind,
        window_days=model.window_days,
        fingerprint=model.fingerprint,
        trained_at=now,
        metrics={**metrics, "rows": model.rows, "churned": model.churned},
        numbers=numbers,
    )


def _report(model: LearnedModel, calibrations: Sequence[CalibrationReport]) -> TrainingReport:
    return TrainingReport(
        kind=model.kind,
        version=model.version,
        fingerprint=model.fingerprint,
        rows=model.rows,
        churned=model.churned,
        base_rate=model.base_rate,
        serves=model.has_signal and not model.cold_start,
        losses=model.metrics.get("losses", {}),
        says=says(model),
        calibrations=calibrations,
    )


def says(model: LearnedModel) -> str:
    """What came of it, in a sentence."""
    if model.cold_start:
        return (
            "Too few outcomes to learn from (30 judged windows with 8 that left are needed): a cold start from public"
            " data, which serves only where an administrator picks it."
        )
    if not model.has_signal:
        what = "the base rate" if model.kind == "base" else "how long somebody has been a customer"
        return f"No signal in behaviour: nothing did better in the validation than {what}, so nothing else is used."
    return f"Behaviour tells who leaves: {model.kind} did better in the validation than the base rate."
