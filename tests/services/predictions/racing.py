"""What each of two processes does in a race for one prediction."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import Queue
from multiprocessing.synchronize import Barrier

from cs_ml.domain.actor import Actor
from cs_ml.services.llm.chain import EngineChain
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from tests.services.predictions.predicting import ScriptedEngine

THINKING_S = 0.5  # long enough for the other process to ask meanwhile


@dataclass(frozen=True, kw_only=True)
class Race:
    """`answers` gets the id of the prediction that each process got."""

    url: str
    actor: Actor
    account_id: int
    start: Barrier
    answers: "Queue[int | None]"

    def run(self) -> None:
        database = Database(self.url)
        engine = ScriptedEngine(before=lambda: time.sleep(THINKING_S))
        service = PredictionService(database, lambda: datetime.now(UTC), EngineChain([engine]), PredictionLimit(100))
        self.start.wait(30)
        self.answers.put(service.predict(self.actor, self.account_id, force_refresh=True).id)
        database.close()
