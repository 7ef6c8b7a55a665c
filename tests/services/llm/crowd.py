"""What each of many processes does that ask for one account at once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import Queue
from multiprocessing.synchronize import Barrier

from cs_ml.domain.actor import Actor
from cs_ml.store.database import Database
from tests.services.llm.modelled import modelled

START_S = 60


@dataclass(frozen=True, kw_only=True)
class Got:
    """Of the prediction that one process was answered."""

    id: int | None
    engine: str
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """`answers` gets what each process got."""

    url: str
    model_url: str
    actor: Actor
    account_id: int
    refresh: bool
    start: Barrier
    answers: "Queue[Got]"

    def run(self) -> None:
        database = Database(self.url)
        with modelled(database, self.model_url, lambda: datetime.now(UTC)) as service:
            self.start.wait(START_S)
            found = service.predict(self.actor, self.account_id, force_refresh=self.refresh)
        source = found.provenance
        self.answers.put(Got(id=found.id, engine=source.engine, reason=source.fallback_reason))
        database.close()
