"""The engines of a tenant, asked in turn; what a model's calls cost goes into the books, failed ones too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from cs_ml.domain.actor import Actor
from cs_ml.domain.llm.usage import Operation
from cs_ml.domain.policy import are_far_apart
from cs_ml.engines.base import Answer, Engine
from cs_ml.engines.calibration.engine import CalibratedEngine
from cs_ml.engines.fallback import assess
from cs_ml.engines.llm import LlmEngine
from cs_ml.engines.question import Asking, Caller, Completer
from cs_ml.llm.client import LlmClient
from cs_ml.services.learning.lineup import Lineup, Lineups, lineups_of
from cs_ml.services.llm.prompts import PromptService
from cs_ml.services.llm.usage import UsageService
from cs_ml.services.predicting.scoring import PredictionRequest, Scene

OPERATION: Operation = "churn-prediction"


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageModel:
    """A model, how a tenant asks it, and the books."""

    client: LlmClient
    prompts: PromptService
    usage: UsageService


class EngineChain:
    """`free`: engines that cost nothing and always answer alike, for everybody or by tenant and instant. `model`: None
    where none is set up."""

    def __init__(self, free: Sequence[Engine] | Lineups, model: LanguageModel | None = None) -> None:
        self._lineups = lineups_of(free)
        self._model = model

    def asks_a_model(self, lineup: Lineup) -> bool:
        return (self._model is not None and lineup.llm) or any(engine.name == "llm" for engine in lineup.free)

    @property
    def model(self) -> LanguageModel | None:
        """The model that is set up, whether it serves anybody or not."""
        return self._model

    def model_of(self, lineup: Lineup) -> LanguageModel | None:
        """The model that serves by this lineup."""
        return self._model if lineup.llm else None

    def lineup(self, actor: Actor, at: datetime) -> Lineup:
        """Who serves the actor's tenant at an instant."""
        return self._lineups(actor, at)

    @staticmethod
    def replay(request: PredictionRequest, scene: Scene, lineup: Lineup) -> Answer:
        """Without the model: a look back gives the same answer each time, and costs nothing."""
        return assess(lineup.free, scene.context, scene.reference, request.window_days)

    def answer(self, actor: Actor, request: PredictionRequest, scene: Scene, lineup: Lineup) -> Answer:
        """The first engine that can. Raises EngineUnavailable if none could."""
        model = self.model_of(lineup)
        if model is None:
            return self.replay(request, scene, lineup)
        with model.usage.booked(actor, OPERATION, model.client.model, request.account_id) as booking:
            asking = model.prompts.asking(actor)
            answer = self.ask(actor, request, scene, lineup, asking=asking, reserve=booking.reserve)
            booking.attempts = answer.attempts
        return answer

    def ask(
        self,
        actor: Actor,
        request: PredictionRequest,
        scene: Scene,
        lineup: Lineup,
        *,
        asking: Asking,
        reserve: Callable[[Decimal | None], object],
        given: Completer | None = None,
    ) -> Answer:
        """The first engine that can, the model of the lineup first; the caller keeps the books. `given`: the model's
        answer, where it has been asked already. Raises EngineUnavailable if none could."""
        if self._model is None:
            return self.replay(request, scene, lineup)
        client = given or self._model.client
        caller = Caller(client=client, reserve=reserve, on_behalf=actor.tenant_id, patient=request.patient)
        asked: Engine = LlmEngine(asking, caller)
        if lineup.llm_calibration:
            asked = CalibratedEngine(asked, *lineup.llm_calibration)
        answer = assess([asked, *lineup.free], scene.context, scene.reference, request.window_days)
        if answer.provenance.engine == "llm" and lineup.free:
            return self._compared(answer, request, scene, lineup)
        return answer

    def _compared(self, answer: Answer, request: PredictionRequest, scene: Scene, lineup: Lineup) -> Answer:
        """Marked where the engines that cost nothing see it very differently: one of the two misses something."""
        judged = answer.assessment
        other = self.replay(request, scene, lineup).assessment
        if not are_far_apart(judged.probability, other.probability):
            return answer
        return replace(answer, assessment=replace(judged, doubts=(*judged.doubts, "far_apart")))
