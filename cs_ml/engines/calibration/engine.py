"""An engine whose probability is adjusted to what happened; the raw one stays beside it."""

from dataclasses import replace

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.predictions import EngineName
from cs_ml.engines.base import Answer, Engine
from cs_ml.engines.calibration.numbers import Calibration
from cs_ml.engines.rules import over_window


class CalibratedEngine:
    """Adjusts probabilities over any window as those that were fitted. `base_rate`: of what they were fitted to, over
    the usual window."""

    def __init__(self, engine: Engine, calibration: Calibration, version: str, base_rate: float) -> None:
        self._engine = engine
        self._calibration = calibration
        self._base_rate = base_rate
        self.name: EngineName = engine.name
        self.version = f"{engine.version}+{version}"

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        """Raises EngineUnavailable as the engine does."""
        answer = self._engine.assess(context, reference, window_days)
        usual = over_window(self._base_rate, window_days)
        return adjusted(answer, self._calibration, self.version, usual)


def adjusted(answer: Answer, calibration: Calibration, version: str, base_rate: float) -> Answer:
    """`answer` with its probability adjusted and called calibrated; the explanation's first number follows."""
    found = answer.assessment
    chance = calibration.adjust(found.probability)
    told = found.explanation.replace(f"{found.probability:.0%} chance of leaving", f"{chance:.0%} chance of leaving", 1)
    return replace(
        answer,
        assessment=replace(
            found,
            probability=chance,
            raw_probability=found.probability,
            calibrated=True,
            base_rate=base_rate,
            explanation=told,
        ),
        provenance=replace(answer.provenance, version=version),
    )
