"""Runs whose accounts go in groups, and an engine that fails for some of them."""

from dataclasses import dataclass
from typing import Any

from cs_ml.domain.actor import Actor
from cs_ml.domain.jobs import BatchRequest, Job
from cs_ml.store.database import Database
from tests.services.operations.working import Working
from tests.services.predictions.predicting import (
    ScriptedEngine,
    TestClock,
    predicting,
)
from tests.support.factories import add_account, add_tenant

PATIENCE_S = 20


def twelve(database: Database) -> Actor:
    """A tenant with so many accounts."""
    actor = add_tenant(database, "acme")
    for number in range(12):
        add_account(database, actor, name=f"Account {number}")
    return actor


def working(database: Database, *engines: Any, group: int = 5) -> Working:
    clock = TestClock()
    return Working(database, clock, predicting(database, clock, list(engines)), group=group)


def begun(work: Working, acme: Actor, **request: Any) -> tuple[str, list[Job]]:
    """A run whose jobs were sent."""
    run = work.runs.start(acme, BatchRequest(**request))
    work.turn(most=1)
    return run.id, [job for job in work.queue.waiting if job.task == "predict_group"]


@dataclass
class Sometimes:
    """Fails for the accounts in `failing`, each as often as it says."""

    engine: ScriptedEngine
    failing: dict[int, list[Exception]]
    name: Any = "llm"
    version: str = "scripted"

    def assess(self, context: Any, *rest: Any) -> Any:
        left = self.failing.get(context.profile.account_id)
        if left:
            raise left.pop()
        return self.engine.assess(context, *rest)
