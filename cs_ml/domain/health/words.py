"""What a language model wrote about health insights: words alone, as every figure is the statistics'."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PossibleCause:
    """Why something that stands out may have come. `anomaly`: its place among the insights' anomalies, from 0.

    `evidence`: ids of the prediction's evidence, one at least.
    """

    anomaly: int
    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthWords:
    """`summary` stands where the rule text would."""

    summary: str
    causes: tuple[PossibleCause, ...]
