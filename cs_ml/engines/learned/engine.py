"""Engine `learned`: a tenant's model judges one account, and says what each matter adds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.policy import (
    COLD_START_CONFIDENCE_CAP,
    LEARNED_CONFIDENCE_CAP,
    MAX_PRIMARY_DRIVERS,
    NO_SIGNAL_CONFIDENCE_CAP,
)
from cs_ml.domain.predictions import Assessment, EngineName, Evidence, Impact, Provenance, Recommendation, RiskFactor
from cs_ml.engines.base import Answer
from cs_ml.engines.calibration.numbers import probability_of
from cs_ml.engines.evidence import evidence_of
from cs_ml.engines.features import Quantity, quantities
from cs_ml.engines.learned.features import Measures, measures
from cs_ml.engines.learned.model import LearnedModel
from cs_ml.engines.learned.words import Matter, describe, figure_words, matters
from cs_ml.engines.scorecard import Scorecard

_HIGH_IMPACT, _MEDIUM_IMPACT = 0.08, 0.04
_MOST_FACTORS, _WORTH_NAMING = 8, 0.002
_MAX_RECOMMENDATIONS = 3
_MAX_PROBABILITY = 0.999


@dataclass(frozen=True, slots=True)
class _Told:
    """What a matter adds to the probability, by its strongest feature."""

    matter: Matter
    points: float
    value: str
    usual: str
    cites: tuple[str, ...]
    evidence_id: str


class LearnedEngine:
    name: EngineName = "learned"

    def __init__(self, model: LearnedModel, scorecard: Scorecard) -> None:
        self._model = model
        self._scorecard = scorecard
        self._matters = matters(list(model.shapes), scorecard)
        self.version = model.version

    @property
    def serves(self) -> bool:
        """Whether it may serve without being picked: trained here, and better than the base rate."""
        return self._model.has_signal and not self._model.cold_start

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        """Raises EngineUnavailable for a context without signals, or a scorecard that the model does not know."""
        if context.signals is None or self._model.scorecard != self._scorecard.version:
            message = "The learned model has to be trained anew: cs-ml train."
            raise EngineUnavailable(message, reason="model out of date")
        known = quantities(context, reference)
        seen = measures(context, reference, self._scorecard)
        base, total, told = self._explained(seen, known, len(context.metrics) + 1)
        ahead = 1 - (1 - min(total, _MAX_PROBABILITY)) ** (window_days / self._model.window_days)
        named = [one for one in told if abs(one.points) >= _WORTH_NAMING][: 2 * _MOST_FACTORS]
        risks = [one for one in named if one.points > 0][:_MOST_FACTORS]
        good = [one for one in named if one.points < 0][:_MOST_FACTORS]
        shown = sum(one.points for one in (*risks, *good))
        assessment = Assessment(
            probability=ahead,
            confidence=round(context.completeness.score * self._cap, 4),
            base=base,
            window_part=ahead - total,
            clipping=0.0,
            rest=total - base - shown,
            factors=[_factor(one) for one in risks],
            protective=[_factor(one) for one in good],
            evidence=_evidence(context, [*risks, *good]),
            explanation=self._explain(context, ahead, risks, window_days),
            recommendations=[_recommend(one) for one in risks if one.matter.part][:_MAX_RECOMMENDATIONS],
            calibrated=True,
            base_rate=self._model.base_rate,
        )
        return Answer(assessment=assessment, provenance=Provenance(engine=self.name, version=self.version))

    @property
    def _cap(self) -> float:
        if self._model.cold_start:
            return COLD_START_CONFIDENCE_CAP
        return LEARNED_CONFIDENCE_CAP if self._model.has_signal else NO_SIGNAL_CONFIDENCE_CAP

    def _explained(
        self, seen: Measures, known: Mapping[str, Quantity], first_id: int
    ) -> tuple[float, float, list[_Told]]:
        """Base, probability, and the matters from strong to weak. Log odds become points along the straight line from
        base to total, on which each keeps its share: they add up exactly."""
        model = self._model
        apart = {name: part - model.shapes[name].usual for name, part in model.parts(seen).items()}
        start = model.intercept + sum(shape.usual for shape in model.shapes.values())
        change = sum(apart.values())
        base, total = probability_of(start), probability_of(start + change)
        slope = (total - base) / change if abs(change) > 1e-9 else base * (1 - base)
        sums: dict[str, float] = defaultdict(float)
        strongest: dict[str, str] = {}
        for name, odds in apart.items():
            code = self._matters[name].code
            sums[code] += odds
            if code not in strongest or abs(odds) > abs(apart[strongest[code]]):
                strongest[code] = name
        order = sorted(sums, key=lambda code: (-abs(sums[code]), code))
        told = [
            self._told(strongest[code], sums[code] * slope, seen, known, f"M{first_id + place}")
            for place, code in enumerate(order)
        ]
        return base, total, told

    def _told(self, name: str, points: float, seen: Measures, known: Mapping[str, Quantity], evidence_id: str) -> _Told:
        matter, typical = self._matters[name], self._model.shapes[name].typical
        quantity = known.get(matter.part.quantity) if matter.part else None
        plain = name.partition("/")[0] not in {"points", "quantity"}
        return _Told(
            matter=matter,
            points=points,
            value=describe(name, seen.get(name), known, self._scorecard),
            usual=f"the middle account: {figure_words(name, typical)}" if plain and typical is not None else "",
            cites=quantity.cites if quantity else (),
            evidence_id=evidence_id,
        )

    def _explain(self, context: AccountContext, chance: float, risks: Sequence[_Told], window_days: int) -> str:
        model = self._model
        said = f"{chance:.0%} chance of leaving within {window_days} days."
        if not model.has_signal:
            what = "how long they have been customers" if model.kind == "tenure" else "nothing but the usual rate"
            said += (
                f" Of {model.rows:,} judged windows, behaviour did not tell who left; so this rests on {what} and says"
                " little about this one."
            )
        if model.cold_start:
            said += " Cold start: weights from public data at your usual rate, not yet learned from your customers."
        drivers = "; ".join(f"{one.matter.label.lower()} ({one.value})" for one in risks[:MAX_PRIMARY_DRIVERS])
        if drivers and model.has_signal:
            said += f" Mainly: {drivers}."
        return " ".join([said, *context.completeness.missing])


def _factor(told: _Told) -> RiskFactor:
    adds = "raises" if told.points > 0 else "lowers"
    return RiskFactor(
        code=told.matter.code,
        factor=told.matter.label,
        impact=_impact(abs(told.points)),
        points=told.points,
        current_value=told.value,
        threshold=told.usual,
        trend="unknown",
        description=f"Among your customers this {adds} the risk.",
        evidence=(told.evidence_id, *told.cites),
    )


def _impact(points: float) -> Impact:
    if points >= _HIGH_IMPACT:
        return "high"
    return "medium" if points >= _MEDIUM_IMPACT else "low"


def _evidence(context: AccountContext, told: Sequence[_Told]) -> list[Evidence]:
    own = [
        Evidence(id=one.evidence_id, kind="metric", at=context.as_of, text=f"{one.matter.label}: {one.value}")
        for one in told
    ]
    return own + evidence_of(context, {fact for one in told for fact in one.cites})


def _recommend(told: _Told) -> Recommendation:
    part, impact = told.matter.part, _impact(told.points)
    assert part is not None  # noqa: S101 - only these are asked for
    return Recommendation(
        action=part.action,
        priority=impact,
        rationale=f"{told.matter.label}: {told.value}.",
        expected_impact=part.expected,
        effort=part.effort,
        timeframe={"high": "this week", "medium": "within two weeks", "low": "this month"}[impact],
    )
