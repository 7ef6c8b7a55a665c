"""What may be watched of a process: requests, page runs, jobs, calls of a model; how long, and with what outcome."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

Kind = Literal["request", "page", "job", "llm"]


@dataclass(slots=True)
class Seen:
    """How the watched block ended: one of a few words."""

    outcome: str = "ok"


# Of a kind, one of few names, and the id of the tenant for whom it is, "" for nobody's.
Watch = Callable[[Kind, str, str], AbstractContextManager[Seen]]


@contextmanager
def unwatched(_kind: Kind, _name: str, _tenant_id: str) -> Iterator[Seen]:
    yield Seen()
