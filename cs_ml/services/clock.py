"""Time is passed in: the entry points hand the one clock to every service."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cs_ml.domain.errors import Invalid

Clock = Callable[[], datetime]

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant from which the world is seen. `live`: the present; else a replay of the past."""

    at: datetime
    live: bool


def moment(clock: Clock, as_of: datetime | None) -> Moment:
    """No `as_of`, or one that has not passed yet, is the present. Raises Invalid before 1970, where no facts are."""
    if as_of is not None and as_of < _FIRST:
        expected = "a date from 1970 on"
        raise Invalid(f"The past begins in 1970: give {expected}.", fields={"as_of": expected})
    now = clock()
    return Moment(now, live=True) if as_of is None or as_of >= now else Moment(as_of, live=False)


def milliseconds(at: datetime) -> datetime:
    """What the database keeps of an instant."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
