"""Judged windows made up from a known rule: nothing of a database, and small enough to train on in a moment."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import numpy as np

from cs_ml.engines.learned.features import POINTS, Measures
from cs_ml.engines.learned.selection import TrainingRows
from cs_ml.engines.scorecard import default_scorecard
from tests.support.factories import NOW

SCORECARD = default_scorecard()
PRIOR = {part.code: 3.0 for part in SCORECARD.part}


def rows(count: int, *, signal: float, seed: int = 1, days: Sequence[int] = (450, 360, 270, 180)) -> TrainingRows:
    """`signal`: how much silence and health decide; 0 is pure chance. One account in each row."""
    rng = Random(seed)
    measures: list[Measures] = []
    churned: list[float] = []
    for _ in range(count):
        silence, health = rng.random(), rng.random()
        odds = -1.0 + signal * (4 * silence - 4 * health)
        measures.append(_measures(rng, silence, health))
        churned.append(float(rng.random() < 1 / (1 + np.exp(-odds))))
    return TrainingRows(
        accounts=list(range(count)),
        as_of=[NOW - timedelta(days=days[number * len(days) // count]) for number in range(count)],
        churned=np.array(churned),
        measures=measures,
        window_days=90,
    )


def _measures(rng: Random, silence: float, health: float) -> Measures:
    found: Measures = {f"{POINTS}{part.code}": 0.0 for part in SCORECARD.part}
    found |= {f"{POINTS}silence": 0.25 * silence, f"{POINTS}health_level": 0.2 * (1 - health)}
    found |= {"profile/age": rng.random() * 7, "contacts/recency/order": silence * 5, "custom/colour": rng.choice("ab")}
    if rng.random() < 0.7:
        found["health/last/overall"] = 100 * health
    return found
