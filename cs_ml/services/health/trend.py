"""Predictions of type HEALTH_TREND: from what an account's health history shows to a value that can be stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cs_ml.domain.health.insights import (
    FORECAST_DAYS,
    Anomaly,
    DimensionInsight,
    HealthInsights,
    MarkedPoint,
    drop_band,
)
from cs_ml.domain.health.reference import HealthReference
from cs_ml.domain.policy import MAX_PRIMARY_DRIVERS, URGENCY, VALIDITY
from cs_ml.domain.predictions import (
    Evidence,
    Origin,
    Prediction,
    PredictionStatus,
    PredictionType,
    Provenance,
    Recommendation,
    RiskFactor,
)
from cs_ml.engines.health.insights import name_of

VERSION = "2"  # changes when the same scores may give another answer
# Where no month of any account is known yet; between the two public data sets that forecasts were measured on.
DEFAULT_DROP_RATE = 0.2
MAX_CONFIDENCE = 0.8
_FULL_READINGS = 12  # of the last half year: from then on the account's own level and movement are known
_FULL_MONTHS = 300  # of the tenant
_TIMEFRAMES = {"high": "this week", "medium": "within two weeks", "low": "this month"}


def trend_prediction(
    account_id: int, insights: HealthInsights, reference: HealthReference, origin: Origin
) -> Prediction:
    """What the insights mean. Where there is no forecast the chance is the usual one, with a confidence of 0."""
    usual = DEFAULT_DROP_RATE if reference.drop_rate is None else reference.drop_rate
    forecast = insights.forecast
    chance = forecast.drop_probability if forecast and forecast.drop_probability is not None else None
    band = drop_band(usual if chance is None else chance, usual)
    evidence = _evidence(insights)
    factors = list(_factors(insights, evidence))
    return Prediction(
        id=None,
        account_id=account_id,
        type=PredictionType.HEALTH_TREND,
        status=PredictionStatus.EXPIRED if origin == "replay" else PredictionStatus.ACTIVE,
        origin=origin,
        as_of=insights.as_of,
        predicted_at=insights.as_of,
        valid_until=insights.as_of + VALIDITY,
        window_days=FORECAST_DAYS,
        probability=usual if chance is None else chance,
        confidence=_confidence(insights, reference) if chance is not None else 0.0,
        base_rate=usual,
        band=band,
        urgency=URGENCY[band],
        base=None,
        window_part=None,
        clipping=None,
        drivers=tuple(factor.factor for factor in factors[:MAX_PRIMARY_DRIVERS]),
        factors=factors,
        protective=[],
        evidence=list(evidence.values()),
        explanation=insights.summary,
        recommendations=_recommendations(insights),
        completeness=min(insights.readings / _FULL_READINGS, 1.0),
        missing=(insights.no_forecast,) if insights.no_forecast else (),
        provenance=Provenance(engine="statistics", version=VERSION),
        health=insights,
    )


def _confidence(insights: HealthInsights, reference: HealthReference) -> float:
    """How much the answer rests on; how sure it is of the score itself is what the interval says."""
    own, tenant = min(insights.readings / _FULL_READINGS, 1.0), min(reference.months / _FULL_MONTHS, 1.0)
    return round(MAX_CONFIDENCE * own * tenant, 4)


def _evidence(insights: HealthInsights) -> dict[tuple[str, MarkedPoint], Evidence]:
    """The points that anomalies are seen at and the newest scores, by dimension and point, as H1, H2, ..."""
    cited = [(one.dimension, MarkedPoint(at=one.at, score=one.score)) for one in insights.insights]
    cited += [(anomaly.dimension, point) for anomaly in insights.anomalies for point in anomaly.evidence]
    ordered = sorted(set(cited), key=lambda key: (key[1].at, key[0]))
    return {
        (dimension, point): Evidence(
            id=f"H{number}", kind="health", at=point.at, text=f"{name_of(dimension)} {point.score} of 100"
        )
        for number, (dimension, point) in enumerate(ordered, start=1)
    }


@dataclass(frozen=True, slots=True)
class _Cited:
    """The ids of points."""

    evidence: dict[tuple[str, MarkedPoint], Evidence]

    def ids(self, dimension: str, points: Sequence[MarkedPoint]) -> tuple[str, ...]:
        return tuple(self.evidence[dimension, point].id for point in points)


def _factors(insights: HealthInsights, evidence: dict[tuple[str, MarkedPoint], Evidence]) -> Iterator[RiskFactor]:
    """Risks first; what is only unusual comes after them, and says so."""
    cited = _Cited(evidence)
    order = {"high": 0, "medium": 1, "low": 2}
    risky = sorted((one for one in insights.insights if one.severity != "low"), key=lambda one: order[one.severity])
    for one in risky:
        yield _risk(one, cited.ids(one.dimension, [MarkedPoint(at=one.at, score=one.score)]))
    for anomaly in sorted(insights.anomalies, key=lambda one: (one.meaning, order[one.severity])):
        yield _standing_out(anomaly, cited.ids(anomaly.dimension, anomaly.evidence))


def _risk(one: DimensionInsight, ids: tuple[str, ...]) -> RiskFactor:
    return RiskFactor(
        code=f"health_{one.dimension}",
        factor=f"{name_of(one.dimension)} at {one.score} of 100",
        impact=one.severity,
        points=None,
        current_value=f"{one.score} of 100",
        threshold="",
        trend=one.trend,
        description=one.insight,
        evidence=ids,
    )


def _standing_out(anomaly: Anomaly, ids: tuple[str, ...]) -> RiskFactor:
    words = str(anomaly.kind).replace("_", " ").capitalize()
    return RiskFactor(
        code=f"{anomaly.kind}_{anomaly.dimension}",
        factor=f"{words} of {name_of(anomaly.dimension).lower()}",
        impact=anomaly.severity if anomaly.meaning == "risk" else "low",
        points=None,
        current_value=f"{abs(anomaly.points):.0f} points {'down' if anomaly.points < 0 else 'up'}",
        threshold=f"{anomaly.threshold:g} points",
        trend="declining" if anomaly.points < 0 else "improving",
        description=anomaly.description,
        evidence=ids,
    )


def _recommendations(insights: HealthInsights) -> list[Recommendation]:
    return [
        Recommendation(
            action=one.suggested_action,
            priority=one.severity,
            rationale=one.insight,
            expected_impact="Finds the reason while there is time to act on it.",
            effort="low",
            timeframe=_TIMEFRAMES[one.severity],
        )
        for one in insights.insights
        if one.suggested_action
    ]
