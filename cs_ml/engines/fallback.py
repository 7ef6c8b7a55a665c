"""The chain of engines: the first that answers wins, and the answer says which were passed over and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.policy import FALLBACK_CONFIDENCE_CAP
from cs_ml.domain.predictions import Assessment, Provenance
from cs_ml.engines.base import Engine


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    assessment: Assessment
    provenance: Provenance


def assess(engines: Sequence[Engine], context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
    """`fallback_reason` is that of the first engine that could not answer; a fallback's confidence is capped.

    Raises EngineUnavailable if none could.
    """
    reason: str | None = None
    for engine in engines:
        try:
            assessment = engine.assess(context, reference, window_days)
        except EngineUnavailable as unavailable:
            reason = reason or unavailable.reason
            continue
        provenance = Provenance(engine=engine.name, version=engine.version, fallback_reason=reason)
        if reason is not None:
            assessment = replace(assessment, confidence=min(assessment.confidence, FALLBACK_CONFIDENCE_CAP))
        return Answer(assessment=assessment, provenance=provenance)
    raise EngineUnavailable("No engine can answer at the moment. Try again in a few minutes.", reason=reason or "none")
