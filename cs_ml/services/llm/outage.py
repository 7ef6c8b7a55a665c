"""A result that was paid for, and a database that is away for a moment."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from cs_ml.domain.errors import DatabaseAway

T = TypeVar("T")

TRIES = 3
_pause = wait_exponential(multiplier=0.5, max=4)


def with_patience(write: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """What `write` answers, in one of TRIES. Raises DatabaseAway if all of them fail."""
    trying = Retrying(
        retry=retry_if_exception_type(DatabaseAway),
        stop=stop_after_attempt(TRIES),
        wait=_pause,
        sleep=sleep,
        reraise=True,
    )
    return trying(write)
