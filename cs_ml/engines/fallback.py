"""The chain of engines: the first that answers wins, and the answer says which were passed over and why."""

from collections.abc import Sequence
from dataclasses import replace

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.usage import Attempt
from cs_ml.domain.policy import FALLBACK_CONFIDENCE_CAP
from cs_ml.engines.base import Answer, Engine


def assess(engines: Sequence[Engine], context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
    """`fallback_reason` is that of the first engine that could not answer; a fallback's confidence is capped.

    `attempts` are those of the engines passed over, too. Raises EngineUnavailable with all of them if none could, or
    as it is where an engine asks to be asked again.
    """
    reason: str | None = None
    attempts: tuple[Attempt, ...] = ()
    for engine in engines:
        try:
            answer = engine.assess(context, reference, window_days)
        except EngineUnavailable as unavailable:
            if unavailable.retry_after is not None:
                raise
            reason = reason or unavailable.reason
            attempts += unavailable.attempts
            continue
        return answer if reason is None else _fallback(answer, reason, attempts)
    message = "No engine can answer at the moment. Try again in a few minutes."
    raise EngineUnavailable(message, reason=reason or "none", attempts=attempts)


def _fallback(answer: Answer, reason: str, attempts: tuple[Attempt, ...]) -> Answer:
    confidence = min(answer.assessment.confidence, FALLBACK_CONFIDENCE_CAP)
    return Answer(
        assessment=replace(answer.assessment, confidence=confidence),
        provenance=replace(answer.provenance, fallback_reason=reason),
        attempts=attempts + answer.attempts,
    )
