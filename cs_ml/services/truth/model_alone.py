"""The language model as an engine of its own, without the others behind it; its calls go into the books."""

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.policy import Bands
from cs_ml.domain.predictions import EngineName
from cs_ml.engines.base import Answer
from cs_ml.services.learning.lineup import Lineup
from cs_ml.services.llm.chain import EngineChain, LanguageModel
from cs_ml.services.predicting.scoring import PredictionRequest, Scene


class ModelAlone:
    name: EngineName = "llm"

    def __init__(self, actor: Actor, model: LanguageModel) -> None:
        self._actor = actor
        self._chain = EngineChain((), model)
        self.version = model.prompts.asking(actor).prompt.version

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        """Raises EngineUnavailable."""
        request = PredictionRequest(account_id=context.profile.account_id, window_days=window_days)
        scene = Scene(context=context, reference=reference, bands=Bands())
        return self._chain.answer(self._actor, request, scene, Lineup(free=()))
