"""What the anomaly rules find of changes that were planted, and how often they ring without one.

`python -m benchmarks.engines.anomalies [--series 200]` prints recall by kind and false alarms per account and year.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cs_ml.domain.health.insights import AnomalyKind
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.engines.health.anomalies import find_anomalies
from cs_ml.engines.health.series import series_of

WEEKS: Final = 104
END: Final = datetime(2026, 6, 30, tzinfo=UTC)
NEAR: Final = timedelta(days=21)

Path: TypeAlias = NDArray[np.float64]


def quiet(rng: Generator) -> Path:
    """A level with a slow wander and noise, as derived scores have."""
    wander = np.convolve(rng.normal(0, 1.2, WEEKS + 8), np.ones(9) / 3, mode="valid")
    return rng.uniform(55, 85) + wander + rng.normal(0, 2.0, WEEKS)


def drop(rng: Generator, path: Path, week: int) -> Path:
    changed = path.copy()
    changed[week:] -= rng.uniform(22, 35)
    return changed


def decline(rng: Generator, path: Path, week: int) -> Path:
    """Three months down, then at the new level."""
    changed = path.copy()
    changed[week - 12 :] -= np.minimum(np.arange(WEEKS - week + 12) / 12, 1) * rng.uniform(22, 35)
    return changed


def pattern(rng: Generator, path: Path, week: int) -> Path:
    """Higher than ever, for good: no drop and no decline."""
    changed = path.copy()
    changed[week:] += rng.uniform(14, 18)
    return changed


PLANTED: Final[dict[AnomalyKind, Callable[[Generator, Path, int], Path]]] = {
    AnomalyKind.SUDDEN_DROP: drop,
    AnomalyKind.SUSTAINED_DECLINE: decline,
    AnomalyKind.UNUSUAL_PATTERN: pattern,
}


def readings(path: Path) -> list[HealthReading]:
    scores = np.clip(np.round(path), 0, 100)
    first = END - timedelta(weeks=WEEKS - 1)
    return [
        HealthReading(at=first + timedelta(weeks=week), scores={"overall": int(score)})
        for week, score in enumerate(scores)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=200)
    series = parser.parse_args().series
    rng = np.random.default_rng(7)
    false = Counter(
        one.kind for _ in range(series) for one in find_anomalies(series_of(readings(quiet(rng)), "overall"))
    )
    years = series * WEEKS / 52
    print(f"{series} quiet series of {WEEKS} weeks: false alarms per account and year")
    for kind in AnomalyKind:
        print(f"  {kind:<18} {false[kind] / years:.3f}")
    print(f"{series} series with one planted change each: share found within {NEAR.days} days of it")
    for kind, plant in PLANTED.items():
        found = 0
        for _ in range(series):
            week = int(rng.integers(40, WEEKS - 4))
            path = readings(plant(rng, quiet(rng), week))
            near = [one for one in find_anomalies(series_of(path, "overall")) if one.kind is kind]
            found += any(abs(one.ended - path[week].at) <= NEAR for one in near)
        print(f"  {kind:<18} {found / series:.3f}")


if __name__ == "__main__":
    main()
