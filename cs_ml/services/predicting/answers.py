"""Predictions in the words of the HTTP contract: the same fields for the API and `--json`."""

from collections.abc import Sequence
from typing import Any

from cs_ml.domain.policy import confidence_level
from cs_ml.domain.portfolio import AT_RISK
from cs_ml.domain.predictions import Evidence, Prediction, RiskFactor
from cs_ml.services.health.answers import health_answer


def prediction_answer(prediction: Prediction) -> dict[str, Any]:
    """camelCase fields; values are still dates, money and enums. A HEALTH_TREND has fields of its own."""
    if prediction.health is not None:
        return health_answer(prediction)
    source = prediction.provenance
    evidence = {fact.id: fact for fact in prediction.evidence}
    return {
        "id": prediction.id,
        "accountId": prediction.account_id,
        "predictionType": prediction.type,
        "status": prediction.status,
        "probability": prediction.probability,
        "churnProbability": prediction.probability,
        "rawProbability": prediction.raw_probability,
        "retentionProbability": prediction.retention_probability,
        "baseRate": prediction.base_rate,
        "confidence": prediction.confidence,
        "confidenceLevel": confidence_level(prediction.confidence),
        "predictionWindowDays": prediction.window_days,
        "riskCategory": prediction.band,
        "interventionUrgency": prediction.urgency,
        "primaryChurnDrivers": list(prediction.drivers),
        "riskFactors": _factors(prediction.factors, evidence),
        "protectiveFactors": _factors(prediction.protective, evidence),
        "parts": _parts(prediction),
        "explanation": prediction.explanation,
        "unmatchedNumbers": list(prediction.unmatched_numbers),
        "doubts": list(prediction.doubts),
        "recommendations": list(prediction.recommendations),
        "suggestedCta": prediction.proposal if prediction.band in AT_RISK else None,
        "completeness": {"score": prediction.completeness, "missing": list(prediction.missing)},
        "engine": source.engine,
        "engineVersion": source.version,
        "promptVersion": source.prompt_version,
        "fallbackReason": source.fallback_reason,
        "llmMetadata": {
            "model": source.model,
            "tokensUsed": source.tokens,
            "latencyMs": source.latency_ms,
            "estimatedCost": source.cost,
        },
        "origin": prediction.origin,
        "asOf": prediction.as_of,
        "predictedAt": prediction.predicted_at,
        "validUntil": prediction.valid_until,
        "cached": prediction.cached,
        "newFactsSince": prediction.new_facts_since,
    }


def _factors(factors: Sequence[RiskFactor], evidence: dict[str, Evidence]) -> list[dict[str, Any]]:
    return [
        {
            "code": factor.code,
            "factor": factor.factor,
            "impact": factor.impact,
            "points": factor.points,
            "currentValue": factor.current_value,
            "threshold": factor.threshold,
            "trend": factor.trend,
            "description": factor.description,
            "evidence": [evidence[fact] for fact in factor.evidence if fact in evidence],
        }
        for factor in factors
    ]


def _parts(prediction: Prediction) -> list[dict[str, Any]]:
    """What adds up to the probability; empty for an engine that is no sum."""
    if prediction.base is None:
        return []
    parts = [("base", "Usual risk of any customer", prediction.base)]
    parts += [(factor.code, factor.factor, factor.points or 0.0) for factor in prediction.factors]
    parts += [(factor.code, factor.factor, factor.points) for factor in prediction.protective if factor.points]
    if prediction.rest is not None:
        parts.append(("rest", "Many small parts together", prediction.rest))
    parts += [
        ("window", f"A window of {prediction.window_days} days", prediction.window_part or 0.0),
        ("clipping", "Never quite sure", prediction.clipping or 0.0),
    ]
    if prediction.raw_probability is not None:
        parts.append(("adjustment", "Adjusted to what happened here", prediction.adjustment))
    return [{"code": code, "part": label, "points": points} for code, label, points in parts]
