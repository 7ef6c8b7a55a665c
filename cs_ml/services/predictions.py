"""Predictions: the one function that page, command line, API and worker call, read top to bottom."""

import secrets
import time as waiting
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import Origin, Prediction, PredictionType
from cs_ml.engines.base import Engine
from cs_ml.services.clock import Clock, Moment, milliseconds, moment
from cs_ml.services.limits import PredictionLimit
from cs_ml.services.scoring import PredictionRequest, read_scenes, score
from cs_ml.store.accounts import not_found
from cs_ml.store.database import Database
from cs_ml.store.predictions import PredictionRepository

CLAIM_TTL = timedelta(seconds=60)
_POLL_S = 0.05


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
        asked_at = milliseconds(self._clock())
        while not self._claim(actor, request, holder):
            self._sleep(_POLL_S)
            stored = self._stored(actor, request, self._clock())
            if stored is not None and stored.predicted_at >= asked_at:
                return stored
        try:
            prediction = self._compute(actor, request, Moment(milliseconds(self._clock()), live=True), origin="single")
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
        scenes = read_scenes(self._database, actor, [request.account_id], at, self._clock())
        if request.account_id not in scenes:
            raise not_found()
        return score(self._engines, request, scenes[request.account_id], origin)

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
