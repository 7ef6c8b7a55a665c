"""The one copy of each shared number. Screens, prompts and engines print from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

DEFAULT_WINDOW_DAYS = 90
MIN_WINDOW_DAYS = 30
MAX_WINDOW_DAYS = 365
VALIDITY = timedelta(days=30)
FALLBACK_VALIDITY = timedelta(minutes=15)

# Probabilities of an engine that is never certain: the clip is shown as a part of the sum.
MIN_PROBABILITY = 0.02
MAX_PROBABILITY = 0.98

RULES_CONFIDENCE_CAP = 0.7
LLM_CONFIDENCE_CAP = 0.7  # as long as nothing shows that it is calibrated
FALLBACK_CONFIDENCE_CAP = 0.49
LEARNED_CONFIDENCE_CAP = 0.9
COLD_START_CONFIDENCE_CAP = 0.6  # weights of public data: nothing of the tenant's own was judged
NO_SIGNAL_CONFIDENCE_CAP = 0.49  # behaviour told nothing: the figure is right on average and says nothing of the one

REVIEW_POINTS = 50  # percentage points between two engines beyond which a person should look

MAX_PRIMARY_DRIVERS = 3

CTA_COOLDOWN_DAYS = 7  # between automated CTAs of one account and type
AUTO_CTA_CONFIDENCE = 0.5  # less makes no CTA by itself, so a fallback never does
AUTO_CTA_LEVELS_ASKED = ("critical", "high")  # where somebody asks for CTAs of the whole portfolio

# Used where a tenant has no outcomes of its own yet (docs/decisions: the cold-start base rate).
DEFAULT_BASE_RATE = 0.10


class RiskBand(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class HealthBand(StrEnum):
    EXCELLENT = "excellent"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


class Urgency(StrEnum):
    IMMEDIATE = "immediate"
    THIS_WEEK = "this_week"
    THIS_MONTH = "this_month"
    MONITOR = "monitor"


ConfidenceLevel = Literal["high", "medium", "low"]

URGENCY: Mapping[RiskBand, Urgency] = {
    RiskBand.CRITICAL: Urgency.IMMEDIATE,
    RiskBand.HIGH: Urgency.THIS_WEEK,
    RiskBand.MEDIUM: Urgency.THIS_MONTH,
    RiskBand.LOW: Urgency.MONITOR,
}
# Lowest health score (0..100) of each band, best first.
HEALTH_BANDS: Mapping[HealthBand, int] = {
    HealthBand.EXCELLENT: 80,
    HealthBand.GOOD: 60,
    HealthBand.FAIR: 40,
    HealthBand.POOR: 0,
}
DUE_DAYS: Mapping[Urgency, int] = {
    Urgency.IMMEDIATE: 1,
    Urgency.THIS_WEEK: 5,
    Urgency.THIS_MONTH: 14,
    Urgency.MONITOR: 30,
}


# A whole tenant silent for so long means that the feed has stopped, not that every customer left.
FEED_STOPPED_DAYS = 21


@dataclass(frozen=True, kw_only=True, slots=True)
class Bands:
    """Lowest probability (0..1) of each band; below `medium` is low. Requires critical > high > medium."""

    critical: float = 0.80
    high: float = 0.60
    medium: float = 0.30

    def of(self, probability: float) -> RiskBand:
        if probability >= self.critical:
            return RiskBand.CRITICAL
        if probability >= self.high:
            return RiskBand.HIGH
        return RiskBand.MEDIUM if probability >= self.medium else RiskBand.LOW

    @classmethod
    def around(cls, base_rate: float) -> "Bands":
        """For calibrated engines, which rarely reach fixed bands: multiples of the tenant's base rate."""
        return cls(critical=max(3 * base_rate, 0.15), high=2 * base_rate, medium=base_rate)


def are_far_apart(one: float, other: float) -> bool:
    """Whether two engines' probabilities (0..1) differ by so much that a person should look."""
    return abs(one - other) * 100 > REVIEW_POINTS


def confidence_level(confidence: float) -> ConfidenceLevel:
    """`confidence` in 0..1."""
    if confidence > 0.8:
        return "high"
    return "medium" if confidence >= 0.5 else "low"
