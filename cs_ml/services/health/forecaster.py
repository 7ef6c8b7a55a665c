"""Health insights of one account: read and computed, and put into words by a language model where somebody asks for it.

What the model's calls cost goes into the books.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.predictions import Origin, Prediction
from cs_ml.engines.health.insights import HISTORY_DAYS, analyse
from cs_ml.engines.health.words import HealthWriter
from cs_ml.engines.question import Caller
from cs_ml.services.clock import Moment
from cs_ml.services.health.learning import health_reference_at
from cs_ml.services.health.reading import read_health
from cs_ml.services.health.trend import trend_prediction
from cs_ml.services.llm.chain import EngineChain, LanguageModel
from cs_ml.services.predicting.scoring import read_scenes
from cs_ml.store.accounts import AccountRepository, not_found
from cs_ml.store.database import Database


class HealthForecaster:
    """Statistics: the same scores give the same figures, and they cost nothing."""

    def __init__(self, database: Database, engines: EngineChain) -> None:
        self._database = database
        self._engines = engines

    def asks_a_model(self, actor: Actor, at: datetime) -> bool:
        """Whether words would be a language model's."""
        return self._model(actor, at) is not None

    def compute(
        self, actor: Actor, account_id: int, at: Moment, origin: Origin, now: datetime, *, words: bool = False
    ) -> Prediction:
        """With `words` of the tenant's language model around the figures of now; in the rule text where none serves, or
        none could be had: then with the reason. Raises NotFound."""
        with self._database.read(actor) as scope:
            AccountRepository(scope).get(account_id)
        reference = health_reference_at(self._database, actor, at.at, now)
        since = at.at - timedelta(days=HISTORY_DAYS)
        readings, derived = read_health(self._database, actor, account_id, since, at.at)
        found = trend_prediction(account_id, analyse(readings, reference, at.at, derived=derived), reference, origin)
        model = self._model(actor, at.at) if words and at.live else None
        return found if model is None else self._in_words(actor, found, at, now, model)

    def _model(self, actor: Actor, at: datetime) -> LanguageModel | None:
        return self._engines.model_of(self._engines.lineup(actor, at))

    def _in_words(self, actor: Actor, found: Prediction, at: Moment, now: datetime, model: LanguageModel) -> Prediction:
        scene = read_scenes(self._database, actor, [found.account_id], at, now).get(found.account_id)
        if scene is None:
            raise not_found()
        asking = model.prompts.asking_for_words(actor)
        booked = model.usage.booked(actor, "health-analysis", model.client.model, found.account_id)
        try:
            with booked as booking:
                caller = Caller(client=model.client, reserve=booking.reserve, on_behalf=actor.tenant_id)
                written = HealthWriter(asking, caller).write(found, scene.context, scene.reference)
                booking.attempts = written.attempts
        except EngineUnavailable as unavailable:
            return replace(found, provenance=replace(found.provenance, fallback_reason=unavailable.reason))
        return written.prediction
