"""Probabilities adjusted to what happened: Platt scaling with a prior, or Venn-Abers; both as plain numbers."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any, Literal

Method = Literal["none", "platt", "venn_abers"]
_NEVER_SURE = 1e-4


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """`none` changes nothing. `platt`: log odds times `slope` plus `shift`. `venn_abers`: between the points
    (`scores` rising, `chances` not falling) a straight line, flat outside."""

    method: Method = "none"
    slope: float = 1.0
    shift: float = 0.0
    scores: Sequence[float] = ()
    chances: Sequence[float] = ()

    def adjust(self, probability: float) -> float:
        """The adjusted probability (0..1) of a raw one."""
        match self.method:
            case "platt":
                return probability_of(self.slope * log_odds(probability) + self.shift)
            case "venn_abers":
                return self._between(probability)
            case _:
                return probability

    def _between(self, probability: float) -> float:
        place = bisect_left(self.scores, probability)
        if place == 0:
            return self.chances[0]
        if place == len(self.scores):
            return self.chances[-1]
        x0, x1, y0, y1 = *self.scores[place - 1 : place + 1], *self.chances[place - 1 : place + 1]
        return y0 + (y1 - y0) * (probability - x0) / (x1 - x0)

    def dump(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "slope": self.slope,
            "shift": self.shift,
            "scores": list(self.scores),
            "chances": list(self.chances),
        }

    @classmethod
    def load(cls, value: Mapping[str, Any]) -> "Calibration":
        return cls(**{**value, "scores": tuple(value["scores"]), "chances": tuple(value["chances"])})


def log_odds(probability: float) -> float:
    inside = min(max(probability, _NEVER_SURE), 1 - _NEVER_SURE)
    return log(inside / (1 - inside))


def probability_of(odds: float) -> float:
    """Of log odds."""
    return 1 / (1 + exp(-odds)) if odds >= 0 else exp(odds) / (1 + exp(odds))
