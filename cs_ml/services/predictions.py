"""Predictions: the one function that page, command line, API and worker call, read top to bottom."""

import secrets
import time as waiting
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.errors import EngineUnavailable, Invalid
from cs_ml.domain.policy import (
    DEFAULT_BASE_RATE,
    DEFAULT_WINDOW_DAYS,
    FALLBACK_VALIDITY,
    MAX_PRIMARY_DRIVERS,
    MAX_WINDOW_DAYS,
    MIN_WINDOW_DAYS,
    URGENCY,
    VALIDITY,
    Bands,
)
from cs_ml.domain.predictions import Origin, Prediction, PredictionStatus, PredictionType
from cs_ml.domain.tenant_settings import read_settings
from cs_ml.engines.base import Engine
from cs_ml.engines.fallback import Answer, assess
from cs_ml.services.clock import Clock, Moment, moment
from cs_ml.services.context import read_contexts
from cs_ml.services.limits import PredictionLimit
from cs_ml.services.references import reference_at
from cs_ml.store.accounts import not_found
from cs_ml.store.database import Database
from cs_ml.store.predictions import PredictionRepository
from cs_ml.store.scope import Scope
from cs_ml.store.tenant_settings import TenantSettingRepository

CLAIM_TTL = timedelta(seconds=60)
_POLL_S = 0.05
_CHUNK = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionRequest:
    """What is asked for. Raises Invalid for a window outside 30..365 days or a type that no engine answers."""

    account_id: int
    type: PredictionType = PredictionType.CHURN
    window_days: int = DEFAULT_WINDOW_DAYS

    def __post_init__(self) -> None:
        if not MIN_WINDOW_DAYS <= self.window_days <= MAX_WINDOW_DAYS:
            expected = f"{MIN_WINDOW_DAYS} to {MAX_WINDOW_DAYS} days"
            raise Invalid(f"The window must be {expected}, not {self.window_days}.", fields={"window": expected})
        if self.type is not PredictionType.CHURN:
            raise Invalid(
                f"{self.type} cannot be predicted yet; use CHURN.",
                fields={"type": "CHURN"},
                code="INVALID_PREDICTION_TYPE",
            )


class PredictionService:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        engines: Sequence[Engine],
        limit: PredictionLimit,
        sleep: Callable[[float], None] = waiting.sleep,
    ) -> None:
        self._database = database
        self._clock = clock
        self._engines = engines
        self._limit = limit
        self._sleep = sleep

    def predict(
        self,
        actor: Actor,
        account_id: int,
        kind: PredictionType = PredictionType.CHURN,
        *,
        force_refresh: bool = False,
        window_days: int = DEFAULT_WINDOW_DAYS,
        as_of: datetime | None = None,
    ) -> Prediction:
        """The valid stored prediction, else a new one. A past `as_of` is a replay: computed, never stored or served.

        Raises NotFound, Forbidden, Invalid, RateLimited.
        """
        actor.require(Permission.READ)
        request = PredictionRequest(account_id=account_id, type=kind, window_days=window_days)
        at = moment(self._clock, as_of)
        if not at.live:
            return self._compute(actor, request, at, origin="replay")
        stored = self._stored(actor, request, at.at)
        if stored is not None and not force_refresh:
            return stored
        actor.require(Permission.PREDICT)
        return self._single_flight(actor, request)

    def list(
        self, actor: Actor, account_id: int, kind: PredictionType | None = None, *, include_expired: bool = True
    ) -> Sequence[Prediction]:
        """Stored predictions of an account, newest first. The account must exist for the actor."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return PredictionRepository(scope).list(account_id, kind, expired=include_expired)

    def predict_missing(self, actor: Actor, progress: Callable[[int], None] | None = None) -> Mapping[str, int]:
        """A churn prediction for every live account without a valid one, in chunks; answers accounts per risk band."""
        actor.require(Permission.PREDICT)
        after, done = 0, 0
        while ids := self._without_valid(actor, after):
            self._predict_chunk(actor, ids)
            after, done = ids[-1], done + len(ids)
            if progress:
                progress(done)
        with self._database.read(actor) as scope:
            return PredictionRepository(scope).count_by_band(self._clock())

    def _stored(self, actor: Actor, request: PredictionRequest, now: datetime) -> Prediction | None:
        with self._database.read(actor) as scope:
            predictions = PredictionRepository(scope)
            found = predictions.find_valid(request.account_id, request.type, request.window_days, now)
            if found is None:
                return None
            newer = predictions.new_facts_since(request.account_id, found.as_of, now)
            return replace(found, cached=True, new_facts_since=newer)

    def _single_flight(self, actor: Actor, request: PredictionRequest) -> Prediction:
        """One caller computes; others wait for that row. A crashed one's claim expires."""
        holder = secrets.token_hex(16)
        asked_at = _milliseconds(self._clock())
        while not self._claim(actor, request, holder):
            self._sleep(_POLL_S)
            stored = self._stored(actor, request, self._clock())
            if stored is not None and stored.predicted_at >= asked_at:
                return stored
        try:
            prediction = self._compute(actor, request, Moment(_milliseconds(self._clock()), live=True), origin="single")
            return self._save(actor, request, prediction, holder)
        finally:
            self._release(actor, holder)

    def _claim(self, actor: Actor, request: PredictionRequest, holder: str) -> bool:
        now = self._clock()
        with self._database.write(actor) as scope:
            predictions = PredictionRepository(scope)
            until = now + CLAIM_TTL
            key = (request.account_id, request.type, request.window_days)
            if not predictions.claim(*key, holder=holder, now=now, until=until):
                return False
            self._limit.check(scope, now)
            return True

    def _release(self, actor: Actor, holder: str) -> None:
        with self._database.write(actor) as scope:
            PredictionRepository(scope).release(holder)

    def _compute(self, actor: Actor, request: PredictionRequest, at: Moment, *, origin: Origin) -> Prediction:
        """No transaction is open while an engine thinks."""
        reference = reference_at(self._database, actor, at.at, self._clock())
        with self._database.read(actor) as scope:
            contexts = read_contexts(scope, [request.account_id], at)
            bands = _bands(scope)
        if request.account_id not in contexts:
            raise not_found()
        scene = _Scene(context=contexts[request.account_id], reference=reference, bands=bands)
        return self._assess(request, scene, origin)

    def _assess(self, request: PredictionRequest, scene: "_Scene", origin: Origin) -> Prediction:
        answer = assess(self._engines, scene.context, scene.reference, request.window_days)
        return _prediction(request, scene, answer, origin)

    def _save(self, actor: Actor, request: PredictionRequest, prediction: Prediction, holder: str) -> Prediction:
        """Stores the new row and ends the one before. A caller whose claim was taken over serves the other's row."""
        with self._database.write(actor) as scope:
            predictions = PredictionRepository(scope)
            if predictions.release(holder):
                predictions.supersede([request.account_id], request.type, request.window_days, prediction.predicted_at)
                return replace(prediction, id=predictions.save([prediction], prediction.predicted_at)[0])
        other = self._stored(actor, request, self._clock())
        if other is None:
            raise EngineUnavailable("The prediction took too long. Try again.", reason="claim_lost")
        return other

    def _without_valid(self, actor: Actor, after: int) -> Sequence[int]:
        with self._database.read(actor) as scope:
            return PredictionRepository(scope).without_valid(self._clock(), after=after, limit=_CHUNK)

    def _predict_chunk(self, actor: Actor, ids: Sequence[int]) -> None:
        now = _milliseconds(self._clock())
        at = Moment(now, live=True)
        reference = reference_at(self._database, actor, now, now)
        with self._database.read(actor) as scope:
            contexts = read_contexts(scope, ids, at)
            bands = _bands(scope)
        predictions = [
            self._assess(
                PredictionRequest(account_id=account_id),
                _Scene(context=context, reference=reference, bands=bands),
                "batch",
            )
            for account_id, context in contexts.items()
        ]
        with self._database.write(actor) as scope:
            stored = PredictionRepository(scope)
            stored.supersede(ids, PredictionType.CHURN, DEFAULT_WINDOW_DAYS, now)
            stored.save(predictions, now)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    """What an engine judges, and the tenant's bands that name the result."""

    context: AccountContext
    reference: TenantReference
    bands: Bands


def _bands(scope: Scope) -> Bands:
    return read_settings(TenantSettingRepository(scope).list()).bands or Bands()


def _prediction(request: PredictionRequest, scene: _Scene, answer: Answer, origin: Origin) -> Prediction:
    """Category, urgency and validity are ours, never an engine's."""
    found, context, base_rate = answer.assessment, scene.context, scene.reference.base_rate
    band = scene.bands.of(found.probability)
    validity = FALLBACK_VALIDITY if answer.provenance.fallback_reason else VALIDITY
    return Prediction(
        id=None,
        account_id=request.account_id,
        type=request.type,
        status=PredictionStatus.ACTIVE,
        origin=origin,
        as_of=context.as_of,
        predicted_at=context.as_of,
        valid_until=context.as_of + validity,
        window_days=request.window_days,
        probability=found.probability,
        confidence=found.confidence,
        base_rate=DEFAULT_BASE_RATE if base_rate is None else base_rate,
        band=band,
        urgency=URGENCY[band],
        base=found.base,
        window_part=found.window_part,
        clipping=found.clipping,
        drivers=tuple(factor.factor for factor in found.factors[:MAX_PRIMARY_DRIVERS]),
        factors=found.factors,
        protective=found.protective,
        evidence=found.evidence,
        explanation=found.explanation,
        recommendations=found.recommendations,
        completeness=context.completeness.score,
        missing=context.completeness.missing,
        provenance=answer.provenance,
    )


def _milliseconds(at: datetime) -> datetime:
    """What the database keeps of an instant."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
