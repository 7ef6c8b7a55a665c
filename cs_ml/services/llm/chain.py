"""The engines of a tenant, asked in turn; what a model's calls cost goes into the books, failed ones too."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.usage import Attempt
from cs_ml.domain.policy import are_far_apart
from cs_ml.domain.predictions import EngineName
from cs_ml.engines.base import Answer, Engine
from cs_ml.engines.fallback import assess
from cs_ml.engines.llm import LlmEngine
from cs_ml.llm.client import LlmClient
from cs_ml.services.llm.prompts import PromptService
from cs_ml.services.llm.usage import UsageService
from cs_ml.services.predicting.scoring import PredictionRequest, Scene


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageModel:
    """A model, how a tenant asks it, and the books."""

    client: LlmClient
    prompts: PromptService
    usage: UsageService


class EngineChain:
    """`free`: engines that cost nothing and always answer alike. `model`: None where none is set up."""

    def __init__(self, free: Sequence[Engine], model: LanguageModel | None = None) -> None:
        self._free = free
        self._model = model

    @property
    def names(self) -> tuple[EngineName, ...]:
        """In the order in which they are asked."""
        free = tuple(engine.name for engine in self._free)
        return free if self._model is None else ("llm", *free)

    def replay(self, request: PredictionRequest, scene: Scene) -> Answer:
        """Without the model: a look back gives the same answer each time, and costs nothing."""
        return assess(self._free, scene.context, scene.reference, request.window_days)

    def answer(self, actor: Actor, request: PredictionRequest, scene: Scene) -> Answer:
        """The first engine that can. Raises EngineUnavailable if none could."""
        if self._model is None:
            return self.replay(request, scene)
        model, reservation = self._model, None
        attempts: Sequence[Attempt] = ()

        def reserve(expected: Decimal | None) -> None:
            nonlocal reservation
            reservation = model.usage.reserve(actor, "churn-prediction", model.client.model, expected)

        try:
            engines = [LlmEngine(model.client, model.prompts.asking(actor), reserve), *self._free]
            answer = assess(engines, scene.context, scene.reference, request.window_days)
            attempts = answer.attempts
            if answer.provenance.engine == "llm":
                answer = self._compared(answer, request, scene)
        except EngineUnavailable as unavailable:
            attempts = unavailable.attempts
            raise
        else:
            return answer
        finally:
            model.usage.settle(actor, attempts, account_id=request.account_id, reservation=reservation)

    def _compared(self, answer: Answer, request: PredictionRequest, scene: Scene) -> Answer:
        """Marked where the engines that cost nothing see it very differently: one of the two misses something."""
        judged = answer.assessment
        other = self.replay(request, scene).assessment
        if not are_far_apart(judged.probability, other.probability):
            return answer
        return replace(answer, assessment=replace(judged, doubts=(*judged.doubts, "far_apart")))
