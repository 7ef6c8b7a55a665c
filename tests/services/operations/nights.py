"""Runs that are asked overnight, at a provider of the test."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor
from cs_ml.domain.jobs import BatchRequest, BatchRun, Job
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from cs_ml.store.tables import AccountMLPrediction, AIUsageEvent, BatchItem, PredictionClaim
from cs_ml.store.tables import ProviderBatch as Row
from tests.llm.server import Canned, FakeServer, running_server
from tests.llm.traffic.provider import Provider
from tests.services.llm.faulty import GOOD
from tests.services.llm.modelled import modelled
from tests.services.operations.working import Working
from tests.services.predictions.predicting import TestClock
from tests.support.factories import add_account, add_tenant

MANY = 20  # jobs that a run of the test may need before somebody says that it never ends

# For what a provider does, which is the same to both databases.
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def six(database: Database) -> Actor:
    """A tenant with so many accounts."""
    actor = add_tenant(database, "acme")
    for number in range(6):
        add_account(database, actor, name=f"Account {number}")
    return actor


@dataclass
class Night:
    """`work` is one process; `restarted` the next one."""

    database: Database
    actor: Actor
    server: FakeServer
    provider: Provider
    predictions: PredictionService
    work: Working

    def begin(self, **request: Any) -> str:
        """A run that was sent to the provider."""
        run = self.work.runs.start(self.actor, BatchRequest(overnight=True, **request))
        self.work.turn(most=2)
        return run.id

    def turn(self) -> None:
        assert self.work.turn(most=MANY) < MANY

    def run(self, run_id: str) -> BatchRun:
        return self.work.runs.get(self.actor, run_id)

    def batch(self) -> str:
        """The one that the provider has."""
        (found,) = self.provider.batches
        return found

    def answer(self, answering: Any = lambda _body: GOOD, **how: Any) -> None:
        self.provider.answer(self.batch(), answering, **how)

    def restarted(self) -> Working:
        """Another process: what waited in the memory of the first is lost."""
        self.work = _working(self.database, self.work.clock, self.predictions)
        self.work.tasks.resume(set())
        return self.work

    def look(self) -> None:
        """Ends with the job that looks after the batch, and whatever follows at once."""
        job = next(job for job in self.work.queue.waiting if job.task == "collect_overnight")
        self.work.queue.waiting.remove(job)
        self.work.clock.now += job.delay
        self.work.tasks.run(job)

    def waiting(self) -> Sequence[Job]:
        return [job for job in self.work.queue.waiting if job.task != "mend"]

    def rows(self, *columns: Any) -> Sequence[tuple[Any, ...]]:
        with self.database.read(self.actor) as scope:
            return [tuple(row) for row in scope.execute(select(*columns))]

    def books(self) -> Sequence[tuple[Any, ...]]:
        """Of every attempt: success, error, account, cost, whether it was answered overnight."""
        event = AIUsageEvent
        found = self.rows(event.success, event.error_type, event.entity_id, event.estimated_cost, event.details)
        return [(*row[:4], (row[4] or {}).get("overnight", False)) for row in found]

    def predicted(self) -> Mapping[int, tuple[Any, ...]]:
        """Of every account what is in force: the engine, when it was made, and its number of rows."""
        stored = AccountMLPrediction
        rows = self.rows(stored.account_id, stored.status, stored.engine, stored.predicted_at)
        return {
            row[0]: (row[2], row[3], sum(other[0] == row[0] for other in rows)) for row in rows if row[1] == "ACTIVE"
        }

    def left_over(self) -> Sequence[tuple[Any, ...]]:
        """What must not stay: claims, reservations, held accounts, open batches."""
        return [
            *self.rows(PredictionClaim.id),
            *[row for row in self.rows(AIUsageEvent.id, AIUsageEvent.error_type) if row[1] == "reserved"],
            *[row for row in self.rows(BatchItem.id, BatchItem.lease_until) if row[1] is not None],
            *[row for row in self.rows(Row.id, Row.state) if row[1] not in {"ended", "cancelled"}],
        ]


@contextmanager
def night(database: Database, actor: Actor, good: Canned = GOOD) -> Iterator[Night]:
    """Single questions get the answer `good`."""
    clock = TestClock()
    with running_server() as server, modelled(database, server.url, clock) as predictions:
        server.script(good)
        provider = Provider(server)
        yield Night(database, actor, server, provider, predictions, _working(database, clock, predictions))
    assert server.invalid == []


def _working(database: Database, clock: TestClock, predictions: PredictionService) -> Working:
    return Working(database, clock, predictions, group=5, overnight=True)
