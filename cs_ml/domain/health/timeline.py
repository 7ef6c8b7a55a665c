"""What happened to one account over time, for people to look at; engines see `AccountContext`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cs_ml.domain.context import Dimension
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.predictions import EngineName, Origin


class EventKind(StrEnum):
    CTA_OPENED = "CTA opened"
    CTA_CLOSED = "CTA closed"
    PREDICTION = "Prediction"
    CONTRACT = "Contract change"
    CHURN = "Churn"


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountHit:
    """An account that a search found."""

    id: int
    name: str
    reference: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthReading:
    """`scores` 0..100 by dimension; one that was not measured is absent."""

    at: datetime
    scores: Mapping[Dimension, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountEvent:
    at: datetime
    kind: EventKind
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PastPrediction:
    """A stored churn prediction in short. `probability`, `base_rate` 0..1; `churned` None until it was judged."""

    at: datetime
    probability: float
    base_rate: float
    band: RiskBand
    engine: EngineName
    origin: Origin
    window_days: int
    fallback_reason: str | None
    churned: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountTimeline:
    """What lies in (since, until], oldest first. `derived`: the CRM sends no health scores, these are ours."""

    since: datetime
    until: datetime
    health: Sequence[HealthReading]
    events: Sequence[AccountEvent]
    derived: bool = False


def band_since(predictions: Sequence[PastPrediction], band: RiskBand) -> datetime | None:
    """When the newest unbroken run of predictions in `band` began; None where the newest one lies in another band.

    `predictions` in order of date.
    """
    began = None
    for prediction in reversed(predictions):
        if prediction.band is not band:
            break
        began = prediction.at
    return began
