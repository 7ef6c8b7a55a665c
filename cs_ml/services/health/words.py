"""The words around health insights, where a language model serves the tenant; its calls go into the books."""

from dataclasses import replace
from datetime import datetime

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.predictions import Prediction
from cs_ml.engines.health.words import HealthWriter
from cs_ml.engines.question import Caller
from cs_ml.services.clock import Moment
from cs_ml.services.llm.chain import EngineChain, LanguageModel
from cs_ml.services.predicting.scoring import read_scenes
from cs_ml.store.accounts import not_found
from cs_ml.store.database import Database


class WordingService:
    def __init__(self, database: Database, engines: EngineChain) -> None:
        self._database = database
        self._engines = engines

    def model(self, actor: Actor, at: datetime) -> LanguageModel | None:
        """Who would be asked; None where no language model serves the tenant."""
        return self._engines.model_of(self._engines.lineup(actor, at))

    def put(self, actor: Actor, found: Prediction, now: datetime) -> Prediction:
        """`found`, a HEALTH_TREND of now, in words of the model; in the rule text as it is where none serves, or none
        could be had: then with the reason. Raises NotFound."""
        model = self.model(actor, found.as_of)
        if model is None:
            return found
        at = Moment(found.as_of, live=True)
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
