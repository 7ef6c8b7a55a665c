"""Courses of health scores without a database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from cs_ml.domain.health.reference import QUANTILES, HealthReference, MovementCell
from cs_ml.domain.health.timeline import HealthReading

AS_OF = datetime(2026, 6, 30, 12, tzinfo=UTC)


def course(scores: Sequence[int], *, every: float = 7.0, until: datetime = AS_OF) -> list[HealthReading]:
    """Overall scores `every` so many days, the last one at `until`."""
    first = until - timedelta(days=every * (len(scores) - 1))
    return [
        HealthReading(at=first + timedelta(days=every * number), scores={"overall": score})
        for number, score in enumerate(scores)
    ]


def reference(*, weight: float = 0.8, spread: float = 9.0, reach: float = 4.0, months: int = 500) -> HealthReference:
    """Moves of up to `reach` spreads to either side from any position."""
    cell = MovementCell(
        n=months, low=-reach / 2, high=reach / 2, quantiles=tuple(np.linspace(-reach, reach, QUANTILES))
    )
    return HealthReference(
        as_of=AS_OF,
        months=months,
        weight=weight,
        spread=spread,
        drop_rate=0.2,
        levels=(40.0, 70.0),
        leans=(0.0,),
        cells=((cell, cell),) * 3,
    )


NOTHING_LEARNED = HealthReference(
    as_of=AS_OF, months=0, weight=1.0, spread=0.0, drop_rate=None, levels=(), leans=(), cells=()
)


@st.composite
def courses(draw: st.DrawFn, *, least: int = 0, most: int = 40) -> list[HealthReading]:
    """Irregular spacing, with gaps, all before AS_OF and the newest recent; whole scores."""
    count = draw(st.integers(least, most))
    gaps = draw(st.lists(st.floats(0.3, 60), min_size=count, max_size=count))
    scores = draw(st.lists(st.integers(0, 100), min_size=count, max_size=count))
    at, found = AS_OF - timedelta(days=draw(st.floats(0, 20))), []
    for gap, score in zip(gaps, scores, strict=True):
        found.append(HealthReading(at=at, scores={"overall": score}))
        at -= timedelta(days=gap)
    return found[::-1]
