"""Threads in which a process asks the model: as many as there may be calls at once, whatever jobs they are of."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Lanes:
    """First come, first served. Until they are opened, whoever gives something waits until it is done."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    @contextmanager
    def opened(self, number: int) -> Iterator[None]:
        self._threads = ThreadPoolExecutor(number, thread_name_prefix="cs-ml-lanes")
        try:
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """Begins nothing more: what has not begun is cancelled, here and whatever is given from now on."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def do(self, task: Callable[[], T]) -> Future[T]:
        """What is bound to the job stands in the lane's log lines, too."""
        bound = partial(copy_context().run, task)
        if self._threads is None:
            with ThreadPoolExecutor(1) as waited_for:
                return waited_for.submit(bound)
        try:
            return self._threads.submit(bound)
        except RuntimeError:  # stopped
            cancelled: Future[T] = Future()
            cancelled.cancel()
            cancelled.set_running_or_notify_cancel()
            return cancelled
