"""A prediction as a row and back: `prediction_of(row_of(x)) == x`. JSON keys are camelCase, as CRM readers expect."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.engine import Row

from cs_ml.domain.policy import URGENCY, RiskBand
from cs_ml.domain.predictions import (
    Evidence,
    Prediction,
    PredictionStatus,
    PredictionType,
    Provenance,
    Recommendation,
    RiskFactor,
)
from cs_ml.store.predictions.health import health_json, health_of
from cs_ml.store.tables import AccountMLPrediction as Stored
from cs_ml.store.work.proposals import proposal_json, proposal_of

COLUMNS = (
    Stored.id,
    Stored.account_id,
    Stored.prediction_type,
    Stored.status,
    Stored.origin,
    Stored.as_of,
    Stored.predicted_at,
    Stored.valid_until,
    Stored.prediction_window,
    Stored.probability,
    Stored.raw_probability,
    Stored.confidence,
    Stored.base_rate,
    Stored.category,
    Stored.drivers,
    Stored.parts,
    Stored.risk_factors,
    Stored.evidence,
    Stored.explanation,
    Stored.recommendations,
    Stored.completeness,
    Stored.engine,
    Stored.engine_version,
    Stored.llm_model,
    Stored.llm_tokens_used,
    Stored.llm_cost,
    Stored.cost_known,
    Stored.latency_ms,
    Stored.prompt_version,
    Stored.fallback_reason,
    Stored.suggested_cta,
    Stored.health_insights,
)


def row_of(prediction: Prediction, now: datetime) -> dict[str, Any]:
    """Column -> value of a new row; the tenant is added by the scope."""
    source = prediction.provenance
    return {
        "accountId": prediction.account_id,
        "predictionType": prediction.type.value,
        "status": prediction.status.value,
        "origin": prediction.origin,
        "asOf": prediction.as_of,
        "predictedAt": prediction.predicted_at,
        "validUntil": prediction.valid_until,
        "predictionWindow": prediction.window_days,
        "probability": prediction.probability,
        "rawProbability": prediction.raw_probability,
        "confidence": prediction.confidence,
        "baseRate": prediction.base_rate,
        "category": prediction.band.value,
        "drivers": list(prediction.drivers),
        "parts": {
            "base": prediction.base,
            "window": prediction.window_part,
            "clipping": prediction.clipping,
            "rest": prediction.rest,
            "unmatchedNumbers": list(prediction.unmatched_numbers),
            "doubts": list(prediction.doubts),
            "protective": [_factor_json(factor) for factor in prediction.protective],
        },
        "riskFactors": [_factor_json(factor) for factor in prediction.factors],
        "evidence": [_evidence_json(evidence) for evidence in prediction.evidence],
        "explanation": prediction.explanation,
        "recommendations": [_recommendation_json(advice) for advice in prediction.recommendations],
        "completeness": {"score": prediction.completeness, "missing": list(prediction.missing)},
        "engine": source.engine,
        "engineVersion": source.version,
        "llmModel": source.model,
        "llmTokensUsed": source.tokens,
        "llmCost": float(source.cost) if source.cost is not None else None,
        "costKnown": source.cost is not None if source.model else None,
        "latencyMs": source.latency_ms,
        "promptVersion": source.prompt_version,
        "fallbackReason": source.fallback_reason,
        "suggestedCta": proposal_json(prediction.proposal) if prediction.proposal else None,
        "healthInsights": health_json(prediction.health),
        "createdAt": now,
        "updatedAt": now,
    }


def prediction_of(row: Row[Any]) -> Prediction:
    """The prediction of a row that holds COLUMNS."""
    return Prediction(
        id=row.id,
        account_id=row.account_id,
        type=PredictionType(row.prediction_type),
        status=PredictionStatus(row.status),
        origin=row.origin,
        as_of=row.as_of,
        predicted_at=row.predicted_at,
        valid_until=row.valid_until,
        window_days=row.prediction_window,
        probability=row.probability,
        confidence=row.confidence,
        base_rate=row.base_rate,
        band=RiskBand(row.category),
        urgency=URGENCY[RiskBand(row.category)],
        base=row.parts["base"],
        window_part=row.parts["window"],
        clipping=row.parts["clipping"],
        rest=row.parts.get("rest"),
        raw_probability=row.raw_probability,
        drivers=tuple(row.drivers),
        factors=_factors(row.risk_factors),
        protective=_factors(row.parts["protective"]),
        unmatched_numbers=tuple(row.parts.get("unmatchedNumbers", ())),
        doubts=tuple(row.parts.get("doubts", ())),
        evidence=[_evidence(value) for value in row.evidence],
        explanation=row.explanation,
        recommendations=[_recommendation(value) for value in row.recommendations],
        completeness=row.completeness["score"],
        missing=tuple(row.completeness["missing"]),
        proposal=proposal_of(row.suggested_cta) if row.suggested_cta else None,
        provenance=Provenance(
            engine=row.engine,
            version=row.engine_version,
            model=row.llm_model,
            prompt_version=row.prompt_version,
            fallback_reason=row.fallback_reason,
            tokens=row.llm_tokens_used,
            latency_ms=row.latency_ms,
            cost=Decimal(str(row.llm_cost)) if row.cost_known else None,
        ),
        health=health_of(row.health_insights),
    )


def _shallow(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that holds nothing but plain values: a sixth of the time of `asdict`."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _factor_json(factor: RiskFactor) -> dict[str, Any]:
    value = _shallow(factor)
    value["currentValue"] = value.pop("current_value")
    value["evidence"] = list(factor.evidence)
    return value


def _factors(values: Sequence[Mapping[str, Any]]) -> list[RiskFactor]:
    return [
        RiskFactor(
            **{key: item for key, item in value.items() if key not in ("currentValue", "evidence")},
            current_value=value["currentValue"],
            evidence=tuple(value["evidence"]),
        )
        for value in values
    ]


def _evidence_json(evidence: Evidence) -> dict[str, Any]:
    return {**_shallow(evidence), "at": evidence.at.isoformat() if evidence.at else None}


def _evidence(value: Mapping[str, Any]) -> Evidence:
    return Evidence(**{**value, "at": datetime.fromisoformat(value["at"]) if value["at"] else None})


def _recommendation_json(advice: Recommendation) -> dict[str, Any]:
    value = _shallow(advice)
    value["expectedImpact"] = value.pop("expected_impact")
    return value


def _recommendation(value: Mapping[str, Any]) -> Recommendation:
    rest = {key: item for key, item in value.items() if key != "expectedImpact"}
    return Recommendation(**rest, expected_impact=value["expectedImpact"])
