"""Many processes that accept one suggestion at the same instant."""

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

from cs_ml.domain.actor import Actor
from cs_ml.services.work.accepting import AcceptingService
from cs_ml.store.database import Database

_WAIT_S = 300

Answer = tuple[int, str, bool]  # the CTA's id, its title, and whether this process made it


@dataclass(frozen=True, kw_only=True)
class Crowd:
    url: str
    actor: Actor
    account_id: int
    start: Barrier
    answers: "Queue[Answer]"

    def run(self) -> None:
        database = Database(self.url)
        service = AcceptingService(database, lambda: datetime.now(UTC), daily_limit=50)
        self.start.wait(_WAIT_S)
        done = service.accept(self.actor, self.account_id)
        self.answers.put((done.cta.id, done.cta.title, done.was_created))
        database.close()


def forking() -> Any:
    """Processes that are copies of one in which everything is imported: fifty start as fast as one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    return context


def accept_at_once(url: str, actor: Actor, account_id: int, processes: int) -> Sequence[Answer]:
    """What each got. Raises AssertionError where one of them failed."""
    context = forking()
    crowd = Crowd(
        url=url,
        actor=actor,
        account_id=account_id,
        start=context.Barrier(processes),
        answers=context.Queue(),
    )
    started = [context.Process(target=crowd.run) for _ in range(processes)]
    for process in started:
        process.start()
    answers = [crowd.answers.get(timeout=_WAIT_S) for _ in started]
    for process in started:
        process.join(_WAIT_S)
        assert process.exitcode == 0
    return answers
