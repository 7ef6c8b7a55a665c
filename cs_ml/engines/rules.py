"""Engine `rules`: a transparent scorecard. Every point it adds is a risk factor with its evidence; the parts add up."""

from dataclasses import dataclass
from datetime import datetime

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.policy import (
    DEFAULT_WINDOW_DAYS,
    MAX_PRIMARY_DRIVERS,
    MAX_PROBABILITY,
    MIN_PROBABILITY,
    RULES_CONFIDENCE_CAP,
)
from cs_ml.domain.predictions import (
    Assessment,
    EngineName,
    Evidence,
    Impact,
    Priority,
    Provenance,
    Recommendation,
    RiskFactor,
    Trend,
)
from cs_ml.engines.base import Answer
from cs_ml.engines.evidence import evidence_of
from cs_ml.engines.features import Quantity, feed_stopped, quantities
from cs_ml.engines.scorecard import Part, Scorecard

_HIGH_IMPACT, _MEDIUM_IMPACT = 0.08, 0.04
_CHANGES = {
    "activity_change": (1.0, 0.1),
    "volume_change": (1.0, 0.1),
    "health_change": (0.0, 3.0),
    "contract_change": (1.0, 0.02),
}
# A part counts as protective where it could have added at least so much and added nothing.
_WORTH_MENTIONING = 0.05
_MAX_RECOMMENDATIONS = 3
_STOPPED_FEED_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True)
class _Judged:
    part: Part
    quantity: Quantity
    points: float
    evidence_id: str


class RulesEngine:
    name: EngineName = "rules"

    def __init__(self, scorecard: Scorecard, *, confidence_cap: float = RULES_CONFIDENCE_CAP) -> None:
        self._scorecard = scorecard
        self._confidence_cap = confidence_cap
        self.version = scorecard.version

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        """Always answers; an account without any data gets the base and a confidence near zero."""
        known = quantities(context, reference)
        judged = [
            _judge(part, known[part.quantity], f"M{len(context.metrics) + number}")
            for number, part in enumerate(self._scorecard.part, start=1)
        ]
        risks = sorted((j for j in judged if j.points > 0), key=lambda j: -j.points)
        good = [j for j in judged if j.quantity.value is not None and not j.points and j.part.most >= _WORTH_MENTIONING]
        total = self._scorecard.base + sum(j.points for j in judged)
        ahead = over_window(total, window_days)
        probability = min(max(ahead, MIN_PROBABILITY), MAX_PROBABILITY)
        stopped = feed_stopped(context, reference)
        assessment = Assessment(
            probability=probability,
            confidence=self._confidence(context, stopped=stopped is not None),
            base=self._scorecard.base,
            window_part=ahead - total,
            clipping=probability - ahead,
            factors=[_factor(j, j.part.risk) for j in risks],
            protective=[_factor(j, j.part.protective) for j in good],
            evidence=_evidence(context, [*risks, *good]),
            explanation=_explain(context, probability, risks, window_days) + _stopped(stopped),
            recommendations=[_recommend(j) for j in risks[:_MAX_RECOMMENDATIONS]],
        )
        return Answer(assessment=assessment, provenance=Provenance(engine=self.name, version=self.version))

    def _confidence(self, context: AccountContext, *, stopped: bool) -> float:
        confidence = context.completeness.score * self._confidence_cap
        return round(confidence * _STOPPED_FEED_CONFIDENCE if stopped else confidence, 4)


def _judge(part: Part, quantity: Quantity, evidence_id: str) -> _Judged:
    points = 0.0 if quantity.value is None else part.points_at(quantity.value)
    return _Judged(part, quantity, points, evidence_id)


def over_window(probability: float, window_days: int) -> float:
    """The chance over another window than the 90 days that the points mean, at the same rate per day."""
    if window_days == DEFAULT_WINDOW_DAYS:
        return probability
    return float(1 - (1 - min(probability, MAX_PROBABILITY)) ** (window_days / DEFAULT_WINDOW_DAYS))


def _factor(judged: _Judged, description: str) -> RiskFactor:
    return RiskFactor(
        code=judged.part.code,
        factor=judged.part.label if judged.points else _positive(judged.part),
        impact=_impact(judged.points),
        points=judged.points,
        current_value=judged.quantity.text,
        threshold=judged.part.threshold,
        trend=_trend(judged),
        description=description,
        evidence=(judged.evidence_id, *judged.quantity.cites),
    )


def _positive(part: Part) -> str:
    return part.protective.rstrip(".")


def _impact(points: float) -> Impact:
    if points >= _HIGH_IMPACT:
        return "high"
    return "medium" if points >= _MEDIUM_IMPACT else "low"


def _trend(judged: _Judged) -> Trend:
    """Only quantities that compare two periods tell a direction."""
    if judged.part.quantity not in _CHANGES or judged.quantity.value is None:
        return "unknown"
    neutral, margin = _CHANGES[judged.part.quantity]
    if judged.quantity.value < neutral - margin:
        return "declining"
    return "improving" if judged.quantity.value > neutral + margin else "stable"


def _evidence(context: AccountContext, judged: list[_Judged]) -> list[Evidence]:
    """What the factors cite, copied by value: the judged quantities as metrics, then the facts behind them."""
    own = [
        Evidence(id=j.evidence_id, kind="metric", at=context.as_of, text=f"{j.part.label}: {j.quantity.text}")
        for j in judged
    ]
    cited = {fact for j in judged for fact in j.quantity.cites}
    return own + evidence_of(context, cited)


def _recommend(judged: _Judged) -> Recommendation:
    impact = _impact(judged.points)
    priority: Priority = impact
    return Recommendation(
        action=judged.part.action,
        priority=priority,
        rationale=f"{judged.part.label}: {judged.quantity.text}.",
        expected_impact=judged.part.expected,
        effort=judged.part.effort,
        timeframe={"high": "this week", "medium": "within two weeks", "low": "this month"}[impact],
    )


def _stopped(since: datetime | None) -> str:
    """A silent feed is not a silent customer: say so."""
    return f" No data of any account has arrived since {since:%-d %B %Y}." if since else ""


def _explain(context: AccountContext, probability: float, risks: list[_Judged], window_days: int) -> str:
    chance = f"{probability:.0%} chance of leaving within {window_days} days."
    gaps = " ".join(context.completeness.missing)
    if not risks:
        return f"{chance} Nothing known points to a risk. {gaps}".strip()
    drivers = "; ".join(f"{j.part.label.lower()} ({j.quantity.text})" for j in risks[:MAX_PRIMARY_DRIVERS])
    return f"{chance} Mainly: {drivers}. {gaps}".strip()
