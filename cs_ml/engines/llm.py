"""Engine `llm`: a language model judges the facts; names are hidden from it, and its claims are held against them."""

from collections.abc import Iterator, Mapping, Sequence

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.policy import LLM_CONFIDENCE_CAP, MAX_PROBABILITY, MIN_PROBABILITY
from cs_ml.domain.predictions import Assessment, Doubt, EngineName, Provenance, Recommendation, RiskFactor
from cs_ml.engines.base import Answer
from cs_ml.engines.evidence import all_evidence
from cs_ml.engines.features import feed_stopped
from cs_ml.engines.grounding import known_ids, unmatched_numbers
from cs_ml.engines.question import Asking, Caller, Question
from cs_ml.llm.answers import Advice, ChurnAnswer, Factor
from cs_ml.llm.schema import AnswerRejected

_STOPPED_FEED_CONFIDENCE = 0.5
_CITED_SHOWN = 2  # facts that stand for a factor's current value


class LlmEngine:
    name: EngineName = "llm"

    def __init__(self, asking: Asking, caller: Caller) -> None:
        """`asking` is the tenant's (on whose behalf `caller` calls), as its data and settings are now."""
        self._asking = asking
        self._caller = caller
        self.version = asking.prompt.version

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        """Raises EngineUnavailable with a Fault as its reason and the attempts made."""
        prompt = self._asking.prompt

        def about(short: bool) -> Question:
            return self._asking.about(context, reference, window_days, short=short)

        done, question = self._caller.ask(prompt, ChurnAnswer, "churn-prediction", about, _require_evidence)
        provenance = Provenance(
            engine=self.name,
            version=self.version,
            model=done.model,
            prompt_version=prompt.version,
            tokens=done.usage.total,
            latency_ms=done.latency_ms,
            cost=done.cost,
        )
        confidence = context.completeness.score * LLM_CONFIDENCE_CAP
        if feed_stopped(context, reference) is not None:
            confidence *= _STOPPED_FEED_CONFIDENCE
        assessment = _assessment(done.value, question, context, round(confidence, 4))
        return Answer(assessment=assessment, provenance=provenance, attempts=tuple(done.attempts))


def _grounded(answer: ChurnAnswer, question: Question) -> list[Factor]:
    return [factor for factor in answer.factors if known_ids(factor.evidence, question.facts.ids)]


def _distinct(factors: Sequence[Factor]) -> list[Factor]:
    """Small models repeat themselves: one reason is shown once."""
    told: dict[tuple[object, ...], Factor] = {}
    for factor in factors:
        told.setdefault((factor.direction, factor.name.casefold(), frozenset(factor.evidence)), factor)
    return list(told.values())


def _require_evidence(answer: ChurnAnswer, question: Question) -> None:
    """Factors that cite nothing that was sent are dropped later; too many of them are no answer."""
    grounded = len(_grounded(answer, question))
    if not grounded or grounded * 2 < len(answer.factors):
        raise AnswerRejected(
            "Most factors cite no fact that stands in the data. Cite ids from the data, such as "
            f"{', '.join(sorted(question.facts.ids)[:5])}, and give at least one factor."
        )


def _assessment(answer: ChurnAnswer, question: Question, context: AccountContext, confidence: float) -> Assessment:
    factors = _distinct(_grounded(answer, question))
    cited = {fact for factor in factors for fact in known_ids(factor.evidence, question.facts.ids)}
    told = {fact.id: fact for fact in (*all_evidence(context), *question.facts.metrics)}
    evidence = [fact for fact in told.values() if fact.id in cited]
    texts = {fact.id: fact.text for fact in evidence}
    reveal = question.words.reveal
    judged = {
        direction: [
            _factor(number, factor, question, texts)
            for number, factor in enumerate(factors, start=1)
            if factor.direction == direction
        ]
        for direction in ("risk", "protective")
    }
    sources = [question.messages[-1].content, f"{answer.probability:.4f}"]
    return Assessment(
        probability=min(max(answer.probability, MIN_PROBABILITY), MAX_PROBABILITY),
        confidence=confidence,
        base=None,
        window_part=None,
        clipping=None,
        factors=judged["risk"],
        protective=judged["protective"],
        evidence=evidence,
        explanation=reveal(answer.explanation),
        recommendations=[_recommendation(advice, question) for advice in answer.recommendations],
        unmatched_numbers=unmatched_numbers(answer.explanation, sources),
        doubts=tuple(_doubts(answer, question)),
    )


def _doubts(answer: ChurnAnswer, question: Question) -> Iterator[Doubt]:
    if any(not factor.evidence or set(factor.evidence) - question.facts.ids for factor in answer.factors):
        yield "ungrounded_part"
    if not question.words.is_known(answer.model_dump_json()):
        yield "unknown_name"


def _factor(number: int, factor: Factor, question: Question, texts: Mapping[str, str]) -> RiskFactor:
    """`current_value` is ours: what the cited facts say."""
    reveal = question.words.reveal
    evidence = known_ids(factor.evidence, question.facts.ids)
    return RiskFactor(
        code=f"llm_{number}",
        factor=reveal(factor.name),
        impact=factor.impact,
        points=None,
        current_value="; ".join(texts[fact] for fact in evidence[:_CITED_SHOWN]),
        threshold="",
        trend="unknown",
        description=reveal(factor.sentence),
        evidence=evidence,
    )


def _recommendation(advice: Advice, question: Question) -> Recommendation:
    reveal = question.words.reveal
    return Recommendation(
        action=reveal(advice.action),
        priority=advice.priority,
        rationale=reveal(advice.rationale),
        expected_impact=reveal(advice.expected_impact),
        effort=advice.effort,
        timeframe=reveal(advice.timeframe),
    )
