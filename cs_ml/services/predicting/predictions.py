"""Predictions: the one function that page, command line, API and worker call, read top to bottom."""

import logging
import secrets
import time as waiting
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import DatabaseAway
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import Origin, Prediction, PredictionType
from cs_ml.services.clock import Clock, Moment, milliseconds, moment
from cs_ml.services.health.forecaster import HealthForecaster
from cs_ml.services.learning.lineup import Lineup
from cs_ml.services.llm.chain import EngineChain
from cs_ml.services.llm.outage import with_patience
from cs_ml.services.predicting.after import After, nothing_follows
from cs_ml.services.predicting.groups import GroupService
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.overnight import OvernightService
from cs_ml.services.predicting.scoring import PredictionRequest, predicted, read_scenes
from cs_ml.services.predicting.storing import passed_over, store, with_reason
from cs_ml.store.accounts import not_found
from cs_ml.store.database import Database
from cs_ml.store.predictions import PredictionRepository

CLAIM_TTL = timedelta(seconds=60)
_POLL_S = 0.05
_LONGEST_POLL_S = 0.4  # many who wait for one shall not keep the database busy

_log = logging.getLogger(__name__)


class PredictionService:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        engines: EngineChain,
        limit: PredictionLimit,
        sleep: Callable[[float], None] = waiting.sleep,
        *,
        claim_ttl: timedelta = CLAIM_TTL,
        after: After = nothing_follows,
    ) -> None:
        """`claim_ttl`: after it a caller counts as crashed; longer than an engine may think. `after`: what follows a
        stored prediction."""
        self._database = database
        self._clock = clock
        self._engines = engines
        self._health = HealthForecaster(database, engines)
        self._limit = limit
        self._sleep = sleep
        self._claim_ttl = claim_ttl
        self._after = after
        self._unreleased: set[tuple[str, str]] = set()  # tenant and holder of claims whose end could not be written

    @property
    def claim_ttl(self) -> timedelta:
        """Longer than one prediction can take."""
        return self._claim_ttl

    @property
    def groups(self) -> GroupService:
        """The same engines, for many accounts of a batch at once."""
        return GroupService(self._database, self._clock, self._engines)

    @property
    def overnight(self) -> OvernightService:
        """The same engines, of which the model answers within a day."""
        return OvernightService(self._database, self._clock, self._engines)

    def asks_a_model(self, actor: Actor) -> bool:
        """Whether a language model answers for the tenant, at a price for each account."""
        return self._engines.asks_a_model(self._engines.lineup(actor, self._clock()))

    def predict(
        self,
        actor: Actor,
        account_id: int,
        kind: PredictionType = PredictionType.CHURN,
        *,
        force_refresh: bool = False,
        window_days: int = DEFAULT_WINDOW_DAYS,
        as_of: datetime | None = None,
        skip_cta: bool = False,
        origin: Origin = "single",
        patient: bool = False,
    ) -> Prediction:
        """The valid stored prediction, else a new one. A past `as_of` is a replay: computed, never stored or served.

        A new one may make a CTA where the tenant has switched that on, unless `skip_cta`.

        Raises NotFound, Forbidden, Invalid, RateLimited; for the `patient`, who ask again later, EngineUnavailable
        with a `retry_after` where the model is only busy. Of `origin` "batch" it does not count to the day's limit, nor
        does a HEALTH_TREND, which is statistics alone unless a person refreshes it: then a language model adds words.
        """
        actor.require(Permission.READ)
        request = PredictionRequest(
            account_id=account_id,
            type=kind,
            window_days=window_days,
            origin=origin,
            patient=patient,
            words=force_refresh and origin == "single",
        )
        at = moment(self._clock, as_of)
        if not at.live:
            actor.require(Permission.PREDICT)
            return self._compute(actor, request, at, origin="replay")
        # A batch has looked already; it looks again under the claim.
        stored = self._stored(actor, request) if origin == "single" or force_refresh else None
        if stored is not None and not force_refresh:
            return stored
        actor.require(Permission.PREDICT)
        found = self._single_flight(actor, request, known=stored)
        if not found.cached and not skip_cta:
            self._after(actor, [account_id])
        return found

    def list(
        self, actor: Actor, account_id: int, kind: PredictionType | None = None, *, include_expired: bool = True
    ) -> Sequence[Prediction]:
        """Stored predictions of an account, newest first; without `include_expired` those that are in force.

        None of an account that does not exist for the actor.
        """
        actor.require(Permission.READ)
        valid_at = None if include_expired else self._clock()
        with self._database.read(actor) as scope:
            return PredictionRepository(scope).list(account_id, kind, valid_at=valid_at)

    def second_opinion(self, actor: Actor, prediction: Prediction) -> Prediction:
        """What the scorecard says of the same account, window and instant; never stored.

        Raises NotFound, Forbidden.
        """
        actor.require(Permission.PREDICT)
        request = PredictionRequest(
            account_id=prediction.account_id, type=prediction.type, window_days=prediction.window_days
        )
        at = Moment(prediction.as_of, live=False)
        scorecard = self._engines.lineup(actor, at.at).free[-1:]
        return self._compute(actor, request, at, origin="replay", lineup=Lineup(free=scorecard))

    def _stored(self, actor: Actor, request: PredictionRequest) -> Prediction | None:
        now = self._clock()
        with self._database.read(actor) as scope:
            predictions = PredictionRepository(scope)
            found = predictions.find_valid(request.account_id, request.type, request.window_days, now)
            if found is None:
                return None
            newer = predictions.new_facts_since(request.account_id, found.as_of, now)
            return replace(found, cached=True, new_facts_since=newer)

    def _newest(self, actor: Actor, request: PredictionRequest) -> Prediction | None:
        """The last stored prediction, valid or not."""
        with self._database.read(actor) as scope:
            found = PredictionRepository(scope).list(request.account_id, request.type)
        return next((one for one in found if one.window_days == request.window_days and one.origin != "replay"), None)

    def _single_flight(self, actor: Actor, request: PredictionRequest, *, known: Prediction | None) -> Prediction:
        """One caller computes; the others wait for that row, any but the `known` one. A crashed one's claim expires.

        Where a fallback was passed over for the `known` one, that is the answer of those who waited, too.
        """
        holder = secrets.token_hex(16)
        before, pause = self._newest(actor, request) if known else None, _POLL_S
        while True:
            claimed, answer = self._claim(actor, request, holder), None
            try:
                stored = self._stored(actor, request)  # after the claim: whoever held it before has stored by now
                if stored is not None and (known is None or stored.id != known.id):
                    return stored
                newest = self._newest(actor, request) if stored else None
                if stored and newest and before and newest.id != before.id and passed_over(stored, newest):
                    return with_reason(stored, newest)
                answer = self._run(actor, request, holder) if claimed else None
                if answer is not None:
                    return answer
            finally:
                if claimed and answer is None:  # else the claim has ended
                    self._release(actor, holder)
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_POLL_S)

    def _claim(self, actor: Actor, request: PredictionRequest, holder: str) -> bool:
        now = self._clock()
        key = (request.account_id, request.type, request.window_days)
        ended = {(tenant, one) for tenant, one in tuple(self._unreleased) if tenant == actor.tenant_id}
        with self._database.write(actor) as scope:
            predictions = PredictionRepository(scope)
            for _, one in ended:
                predictions.release(one)
            claimed = predictions.claim(*key, holder=holder, now=now, until=now + self._claim_ttl)
        self._unreleased -= ended
        return claimed

    def _release(self, actor: Actor, holder: str) -> None:
        """What cannot be released now is released by the next caller, or ends at the end of its time."""
        try:
            with self._database.write(actor) as scope:
                PredictionRepository(scope).release(holder)
        except DatabaseAway:
            self._unreleased.add((actor.tenant_id, holder))
            _log.warning("the claim of a prediction could not be released")

    def _run(self, actor: Actor, request: PredictionRequest, holder: str) -> Prediction | None:
        """Computes and stores under a claim; None where the claim was taken over meanwhile."""
        now = milliseconds(self._clock())
        if self._counts(actor, request, now):
            everyone = Actor.system(actor.tenant_id)  # the limit is the tenant's, whatever accounts the actor sees
            with self._database.read(everyone) as scope:
                self._limit.check(scope, now)
        prediction = self._compute(actor, request, Moment(now, live=True), origin=request.origin)
        try:
            return with_patience(lambda: self._save(actor, prediction, holder), self._sleep)
        except DatabaseAway:
            _log.error("a prediction of account %d could not be saved", request.account_id)
            if request.origin == "batch":
                raise  # the account is tried again; a person is shown what was found
            self._release(actor, holder)
            return replace(prediction, doubts=(*prediction.doubts, "unsaved"))

    def _counts(self, actor: Actor, request: PredictionRequest, now: datetime) -> bool:
        """Whether the day's limit holds for it: statistics are free."""
        if request.origin != "single" or request.type is not PredictionType.HEALTH_TREND:
            return request.origin == "single"
        return request.words and self._health.asks_a_model(actor, now)

    def _compute(
        self, actor: Actor, request: PredictionRequest, at: Moment, *, origin: Origin, lineup: Lineup | None = None
    ) -> Prediction:
        """By the tenant's engines, or those of `lineup`. No transaction is open while an engine thinks."""
        if request.type is PredictionType.HEALTH_TREND:
            now = self._clock()
            return self._health.compute(actor, request.account_id, at, origin, now, words=request.words)
        who = lineup or self._engines.lineup(actor, at.at)
        ids = [request.account_id]
        scenes = read_scenes(self._database, actor, ids, at, self._clock(), signals=who.signals)
        if request.account_id not in scenes:
            raise not_found()
        scene = scenes[request.account_id]
        if at.live:
            answer = self._engines.answer(actor, request, scene, who)
        else:
            answer = self._engines.replay(request, scene, who)
        return predicted(answer, request, scene, origin)

    def _save(self, actor: Actor, prediction: Prediction, holder: str) -> Prediction | None:
        """Stores the new row and ends the one before, unless that is a better engine's answer and still valid."""
        with self._database.write(actor) as scope:
            if not PredictionRepository(scope).release(holder):
                return None
            return store(scope, [prediction])[prediction.account_id]
