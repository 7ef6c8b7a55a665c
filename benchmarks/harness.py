"""Ours against a floor, measured in the same run: interleaved rounds, medians."""

import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Literal

Step = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One figure. `floor`: what no code could beat, None where there is none; `goal` bounds what is `judged`."""

    name: str
    ours: float
    floor: float | None
    unit: str
    goal: float | None
    judged: Literal["ratio", "ours"]

    @property
    def ratio(self) -> float | None:
        return self.ours / self.floor if self.floor else None

    @property
    def met(self) -> bool:
        value = self.ratio if self.judged == "ratio" else self.ours
        return self.goal is None or (value is not None and value <= self.goal)

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "ratio": self.ratio, "met": self.met}

    def as_text(self) -> str:
        floor = f", floor {self.floor:.3g} {self.unit}, ratio {self.ratio:.2f}" if self.floor else ""
        bound = "no goal" if self.goal is None else f"{self.judged} at most {self.goal:g}"
        verdict = bound if self.goal is None else f"{bound}: {'met' if self.met else 'MISSED'}"
        return f"{self.name}: {self.ours:.3g} {self.unit}{floor} ({verdict})"


def medians(*steps: Step, rounds: int, warm_up: int = 5) -> list[float]:
    """Median seconds of each step. The steps take turns, so that a busy machine slows all of them alike."""
    taken: list[list[float]] = [[] for _ in steps]
    for number in range(warm_up + rounds):
        for step, times in zip(steps, taken, strict=True):
            start = perf_counter()
            step()
            elapsed = perf_counter() - start
            if number >= warm_up:
                times.append(elapsed)
        gc.collect(0)
    return [median(times) for times in taken]


def show(results: Iterable[Result]) -> Iterator[Result]:
    """Text for people on standard error, one JSON line per result on standard output."""
    for result in results:
        print(result.as_text(), file=sys.stderr)
        print(json.dumps(result.as_json()), flush=True)
        yield result
