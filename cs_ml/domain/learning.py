"""What a tenant's training came to, as people and screens see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cs_ml.domain.predictions import EngineName


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModel:
    """`numbers`: the model as JSON values; `metrics`: of its validation."""

    version: str
    kind: str
    window_days: int
    fingerprint: str
    trained_at: datetime
    metrics: Mapping[str, Any]
    numbers: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCalibration:
    """Fitted on `outcomes` judged windows of which `churned` churned; `numbers`: the calibration as JSON values."""

    engine: EngineName
    version: str
    fitted_at: datetime
    outcomes: int
    churned: int
    numbers: Mapping[str, Any]
