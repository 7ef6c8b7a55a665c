"""Health insights in the words of the HTTP contract: the same fields for the API and `--json`."""

from typing import Any

from cs_ml.domain.health.changes import Change, Changes
from cs_ml.domain.health.insights import Anomaly, HealthInsights
from cs_ml.domain.predictions import Prediction
from cs_ml.services.health.backtest import HealthBacktest


def health_answer(prediction: Prediction) -> dict[str, Any]:
    """camelCase fields of a HEALTH_TREND; values are still dates and enums."""
    insights = prediction.health
    if insights is None:
        raise ValueError(f"prediction {prediction.id} has no health insights")
    return {
        "id": prediction.id,
        "accountId": prediction.account_id,
        "predictionType": prediction.type,
        "status": prediction.status,
        "predictedAt": prediction.predicted_at,
        "asOf": prediction.as_of,
        "validUntil": prediction.valid_until,
        "cached": prediction.cached,
        "origin": prediction.origin,
        "newFactsSince": prediction.new_facts_since,
        "engine": prediction.provenance.engine,
        "engineVersion": prediction.provenance.version,
        "derived": insights.derived,
        "readings": insights.readings,
        "currentHealthScore": insights.current,
        "currentAt": insights.current_at,
        "scoreTrajectory": insights.trajectory,
        "slopePoints30d": insights.slope,
        **_forecast(insights),
        "dropProbability": insights.forecast.drop_probability if insights.forecast else None,
        "usualDropRate": insights.usual_drop_rate,
        "probability": prediction.probability,
        "confidence": prediction.confidence,
        "predictionWindowDays": prediction.window_days,
        "riskCategory": prediction.band,
        "interventionUrgency": prediction.urgency,
        "insights": list(insights.insights),
        "anomalies": [_anomaly(number, anomaly, prediction) for number, anomaly in enumerate(insights.anomalies)],
        "strengthAreas": list(insights.strength_areas),
        "riskAreas": list(insights.risk_areas),
        "summary": prediction.explanation,
        **_words(prediction, insights),
    }


def _words(prediction: Prediction, insights: HealthInsights) -> dict[str, Any]:
    """Who wrote the summary, and what a reader must know of it."""
    source = prediction.provenance
    return {
        "summaryBy": "rules" if insights.words is None else "llm",
        "ruleSummary": insights.summary,
        "unmatchedNumbers": list(prediction.unmatched_numbers),
        "doubts": list(prediction.doubts),
        "fallbackReason": source.fallback_reason,
        "promptVersion": source.prompt_version,
        "llmMetadata": {
            "model": source.model,
            "tokensUsed": source.tokens,
            "latencyMs": source.latency_ms,
            "estimatedCost": source.cost,
        },
    }


def _forecast(insights: HealthInsights) -> dict[str, Any]:
    found = insights.forecast
    return {
        "predictedScore": found.score if found else None,
        "predictedLow": found.low if found else None,
        "predictedHigh": found.high if found else None,
        "predictedFor": found.at if found else None,
        "learnedFromMonths": found.learned_from if found else None,
        "noForecastReason": insights.no_forecast or None,
    }


def _anomaly(number: int, anomaly: Anomaly, prediction: Prediction) -> dict[str, Any]:
    """`possibleCauses`: those of the figures, then those that a language model named, each with the facts it cites."""
    words = prediction.health.words if prediction.health else None
    causes = [cause for cause in words.causes if cause.anomaly == number] if words else []
    facts = {fact.id: fact for fact in prediction.evidence}
    return {
        "dimension": anomaly.dimension,
        "anomalyType": anomaly.kind,
        "meaning": anomaly.meaning,
        "severity": anomaly.severity,
        "began": anomaly.began,
        "ended": anomaly.ended,
        "points": anomaly.points,
        "threshold": anomaly.threshold,
        "description": anomaly.description,
        "possibleCauses": [*anomaly.possible_causes, *(cause.text for cause in causes)],
        "causesByModel": [
            {"cause": cause.text, "evidence": [facts[fact] for fact in cause.evidence]} for cause in causes
        ],
        "evidence": list(anomaly.evidence),
    }


def changes_answer(account_id: int, found: Changes) -> dict[str, Any]:
    return {
        "accountId": account_id,
        "from": found.since,
        "to": found.until,
        "derived": found.derived,
        "health": _change(found.health) if found.health else None,
        "noHealthReason": found.no_health or None,
        "churn": _change(found.churn) | {"predictionWindowDays": found.window_days},
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "before": change.before,
        "after": change.after,
        "change": change.points,
        "beforeAt": change.before_at,
        "afterAt": change.after_at,
        "parts": [
            {"code": part.code, "part": part.label, "points": part.points, "before": part.before, "after": part.after}
            for part in change.parts
        ],
        "note": change.note,
    }


def backtest_answer(found: HealthBacktest) -> dict[str, Any]:
    return {
        "models": {
            name: {
                "n": figures.n,
                "mae": figures.mae,
                "coverage80": figures.coverage_80,
                "intervalScore80": figures.interval_score_80,
            }
            for name, figures in found.models.items()
        },
        "drop": {"n": found.drop.n, "brier": found.drop.brier, "baseRateBrier": found.drop.base_rate_brier},
    }
