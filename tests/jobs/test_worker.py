"""The worker inside a process: it does what waits, the urgent first, and tries again what broke."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from cs_ml.domain.errors import DatabaseAway, Invalid
from cs_ml.domain.jobs import Job
from cs_ml.jobs import worker as module
from cs_ml.jobs.worker import EmbeddedWorker
from tests.support.factories import NOW

PATIENCE_S = 20


def job(subject: str, priority: int = 0, delay_s: float = 0.0) -> Job:
    return Job(
        task="spread", tenant_id="t", subject=subject, priority=priority, delay=timedelta(seconds=delay_s)
    )  # fmt: skip


class Recorded:
    """Tasks that only note what they were given, and an event for the last of them."""

    def __init__(self, expected: int, do: Callable[[Job], None] = lambda _: None) -> None:
        self.done: list[str] = []
        self.all = threading.Event()
        self._expected, self._do = expected, do

    def run(self, given: Job) -> None:
        self.done.append(given.subject)
        if len(self.done) >= self._expected:
            self.all.set()
        self._do(given)

    def resume(self, _seen: set[str]) -> None: ...

    def states(self) -> list[Any]:
        return []


@contextmanager
def working(tasks: Any, *jobs: Job, lanes: int = 1) -> Iterator[EmbeddedWorker]:
    worker = EmbeddedWorker(lambda: NOW, lanes=lanes)
    worker.submit(jobs)
    worker.start(tasks)
    try:
        yield worker
    finally:
        worker.stop()
    assert not any(thread.is_alive() for thread in worker._threads)


def test_urgent_jobs_overtake_those_that_wait() -> None:
    tasks = Recorded(5)
    with working(tasks, job("a", -1), job("b", -2), job("click", 100), job("c", -1), job("later", 100, 0.2)):
        assert tasks.all.wait(PATIENCE_S)
    assert tasks.done == ["click", "a", "c", "b", "later"]


def test_what_broke_is_tried_again_and_a_refusal_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 0.0)  # nothing is ever too early

    def do(given: Job) -> None:
        if given.subject == "refused":
            raise Invalid("No.")
        if tasks.done.count(given.subject) < 3:
            raise DatabaseAway("Away.") if given.subject == "away" else ZeroDivisionError

    tasks = Recorded(7, do)
    worker = EmbeddedWorker(lambda: NOW, lanes=1)
    worker.submit([job("refused"), job("broken"), job("away")])
    while worker._delayed or worker._ready:
        worker._delayed = [(0.0, *rest) for _, *rest in worker._delayed]  # type: ignore[misc]
        taken = worker._take()
        assert taken is not None
        if not module.do(tasks, taken[0]):  # type: ignore[arg-type]
            worker._push(taken[0], 0.0, tries=taken[1] + 1)
    assert Counter(tasks.done) == {"refused": 1, "broken": 3, "away": 3}


def test_several_are_worked_on_at_once() -> None:
    together = threading.Barrier(3, timeout=PATIENCE_S)

    def meet(_: Job) -> None:
        together.wait()

    tasks = Recorded(3, meet)
    with working(tasks, job("a"), job("b"), job("c"), lanes=3):
        assert tasks.all.wait(PATIENCE_S)


def test_a_look_sends_what_is_due_and_survives_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_S", 0.01)
    state = SimpleNamespace(name="night", cron="0 0 * * *", started_at=NOW - timedelta(days=2))
    tasks = Recorded(1)
    looks: list[int] = []

    def states() -> list[Any]:
        looks.append(1)
        if len(looks) == 1:
            raise ZeroDivisionError
        return [("tenant", state)] if not tasks.done else []

    monkeypatch.setattr(tasks, "states", states)
    with working(tasks):
        assert tasks.all.wait(PATIENCE_S)
    assert tasks.done == ["night"]
