"""A prediction as people and engines see it: probability, reasons with evidence, advice, and where it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from cs_ml.domain.ctas.values import CtaProposal
from cs_ml.domain.health.insights import HealthInsights
from cs_ml.domain.policy import RiskBand, Urgency


class PredictionType(StrEnum):
    CHURN = "CHURN"
    HEALTH_TREND = "HEALTH_TREND"
    EXPANSION = "EXPANSION"
    ENGAGEMENT_DECLINE = "ENGAGEMENT_DECLINE"


class PredictionStatus(StrEnum):
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    VALIDATED = "VALIDATED"


EngineName = Literal["rules", "learned", "llm"]  # those that predict churn
Method = EngineName | Literal["statistics"]
Origin = Literal["single", "batch", "replay"]
Impact = Literal["high", "medium", "low"]
Trend = Literal["improving", "stable", "declining", "unknown"]
Priority = Literal["critical", "high", "medium", "low"]
Effort = Literal["low", "medium", "high"]
Doubt = Literal["far_apart", "ungrounded_part", "unknown_name", "unsaved"]

# Why a person should look at an answer before acting on it.
DOUBT_SENTENCES: Mapping[Doubt, str] = {
    "far_apart": "The language model and the scorecard are far apart here: review this account.",
    "ungrounded_part": "A part of the model's answer rested on nothing that is known of the customer and was left out.",
    "unknown_name": "The model spoke of somebody whom the data does not name.",
    "unsaved": "This answer could not be saved, as the database did not respond. It is gone when the page is left.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A cited fact copied by value: `id` (H1, A1, C1, O1, M1) means something only inside its prediction."""

    id: str
    kind: Literal["health", "activity", "cta", "opportunity", "metric"]
    at: datetime | None
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskFactor:
    """One reason. `points`: what it adds to the probability, 0 or less if protective, None where an engine cannot tell.

    `threshold` is what `current_value` is compared with, "" where an engine names nothing.
    """

    code: str
    factor: str
    impact: Impact
    points: float | None
    current_value: str
    threshold: str
    trend: Trend
    description: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommendation:
    action: str
    priority: Priority
    rationale: str
    expected_impact: str
    effort: Effort
    timeframe: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """What an engine answers: parts (of `points`) add up to `probability` (0..1) for additive engines.

    `confidence` 0..1. `base`, `window_part` and `clipping` are no factors. `unmatched_numbers`: numbers in the
    explanation, as written there, that do not occur in the data. `doubts`: each once. `rest`: what many parts too small
    to name add. `calibrated`: the probability was fitted to what happened; `raw_probability` is it before, where it was
    adjusted afterwards; `base_rate` is what it was fitted at.
    """

    probability: float
    confidence: float
    base: float | None
    window_part: float | None
    clipping: float | None
    factors: Sequence[RiskFactor]
    protective: Sequence[RiskFactor]
    evidence: Sequence[Evidence]
    explanation: str
    recommendations: Sequence[Recommendation]
    unmatched_numbers: tuple[str, ...] = ()
    rest: float | None = None
    calibrated: bool = False
    raw_probability: float | None = None
    base_rate: float | None = None
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Where an answer came from. `fallback_reason` is None where nothing better was passed over."""

    engine: Method
    version: str
    model: str | None = None
    prompt_version: str | None = None
    fallback_reason: str | None = None
    tokens: int | None = None
    latency_ms: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """`id` is None for what is not stored: a replay, or an answer that is "unsaved". `raw_probability`: before it was
    adjusted to what happened, None where nothing was adjusted; the parts add up to it.

    `cached`: served, not computed, by this call. `new_facts_since`: dated facts of the account younger than `as_of`, up
    to now. `health`: of a HEALTH_TREND. `proposal`: the CTA that it suggests.
    """

    id: int | None
    account_id: int
    type: PredictionType
    status: PredictionStatus
    origin: Origin
    as_of: datetime
    predicted_at: datetime
    valid_until: datetime
    window_days: int
    probability: float
    confidence: float
    base_rate: float
    band: RiskBand
    urgency: Urgency
    base: float | None
    window_part: float | None
    clipping: float | None
    drivers: tuple[str, ...]
    factors: Sequence[RiskFactor]
    protective: Sequence[RiskFactor]
    evidence: Sequence[Evidence]
    explanation: str
    recommendations: Sequence[Recommendation]
    completeness: float
    missing: tuple[str, ...]
    provenance: Provenance
    unmatched_numbers: tuple[str, ...] = ()
    rest: float | None = None
    raw_probability: float | None = None
    doubts: tuple[Doubt, ...] = ()
    proposal: CtaProposal | None = None
    cached: bool = False
    new_facts_since: int = 0
    health: HealthInsights | None = None

    @property
    def retention_probability(self) -> float:
        return 1.0 - self.probability

    @property
    def adjustment(self) -> float:
        """What fitting to past outcomes added to the sum of the parts."""
        return 0.0 if self.raw_probability is None else self.probability - self.raw_probability
