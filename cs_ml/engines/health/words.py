"""A language model puts health insights into words; its claims are held against the figures and facts it was sent."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.health.insights import HealthInsights
from cs_ml.domain.health.words import HealthWords, PossibleCause
from cs_ml.domain.llm.usage import Attempt, Completion
from cs_ml.domain.predictions import Doubt, Evidence, Prediction
from cs_ml.engines.evidence import all_evidence
from cs_ml.engines.facts_text import Facts, facts_of
from cs_ml.engines.grounding import known_ids, unmatched_numbers
from cs_ml.engines.question import Asking, Caller, Question
from cs_ml.llm.answers import Cause, HealthAnswer
from cs_ml.llm.redaction.placeholders import Redaction
from cs_ml.llm.request import Message
from cs_ml.llm.schema import AnswerRejected


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A HEALTH_TREND with words, and the model calls made for them, failed ones too."""

    prediction: Prediction
    attempts: tuple[Attempt, ...]


class HealthWriter:
    def __init__(self, asking: Asking, caller: Caller) -> None:
        """As of `LlmEngine`; `asking` by the prompt of health."""
        self._asking = asking
        self._caller = caller

    def write(self, found: Prediction, context: AccountContext, reference: TenantReference) -> Written:
        """`found` in words; not one of its figures changes. Raises EngineUnavailable with a Fault as its reason."""
        prompt, insights = self._asking.prompt, _insights(found)

        def about(short: bool) -> Question:
            return health_question(self._asking, found, context, reference, short=short)

        def check(answer: HealthAnswer, question: Question) -> None:
            _require_evidence(answer, insights, question)

        done, question = self._caller.ask(prompt, HealthAnswer, "health-analysis", about, check)
        worded = _worded(found, done, question, all_evidence(context))
        source = replace(
            found.provenance,
            model=done.model,
            prompt_version=prompt.version,
            tokens=done.usage.total,
            latency_ms=done.latency_ms,
            cost=done.cost,
        )
        return Written(prediction=replace(worded, provenance=source), attempts=tuple(done.attempts))


def health_question(
    asking: Asking,
    found: Prediction,
    context: AccountContext,
    reference: TenantReference,
    *,
    short: bool = False,
) -> Question:
    """Scores are told as the prediction's own evidence, so that an id means the same in the question and in the row."""
    words = Redaction(asking.known, context.profile.account_id, context.profile.name)
    facts = facts_of(context, reference, words, free_text=asking.free_text and not short, brief=short)
    parts = {name: text for name, text in facts.parts.items() if name != "health"}
    own = {point.id for point in context.health}
    told = Facts(parts=parts, metrics=facts.metrics, ids=facts.ids - own | {fact.id for fact in found.evidence})
    statistics = "\n".join(_findings(_insights(found), found.evidence, found.as_of))
    user = asking.prompt.frame.render(found=statistics, facts=told.text)
    messages = (Message(role="system", content=asking.prompt.fixed), Message(role="user", content=user))
    return Question(messages=messages, facts=told, words=words)


def _insights(found: Prediction) -> HealthInsights:
    if found.health is None:
        raise ValueError(f"a prediction of {found.type} has no health insights")
    return found.health


def _findings(insights: HealthInsights, evidence: Sequence[Evidence], as_of: datetime) -> Iterator[str]:
    """Our own words and figures: nothing here comes from a customer's text."""
    yield insights.summary
    yield from (one.insight for one in insights.insights)
    for number, anomaly in enumerate(insights.anomalies, start=1):
        causes = " ".join(anomaly.possible_causes)
        yield f"Anomaly {number} ({anomaly.kind}, {anomaly.meaning}): {anomaly.description} {causes}".rstrip()
    yield from (f"{fact.id} {_day(fact, as_of)} {fact.text}" for fact in evidence)


def _day(fact: Evidence, as_of: datetime) -> str:
    return "?" if fact.at is None else f"-{(as_of - fact.at).days}"


def _grounded(answer: HealthAnswer, insights: HealthInsights, ids: Collection[str]) -> list[Cause]:
    return [
        cause for cause in answer.causes if cause.anomaly <= len(insights.anomalies) and known_ids(cause.evidence, ids)
    ]


def _require_evidence(answer: HealthAnswer, insights: HealthInsights, question: Question) -> None:
    """Causes of nothing, or that cite nothing that was sent, are dropped later; too many of them are no answer."""
    if len(_grounded(answer, insights, question.facts.ids)) * 2 < len(answer.causes):
        raise AnswerRejected(
            f"Most causes name no anomaly from 1 to {len(insights.anomalies)} or cite no fact that stands in the data."
            " Cite ids from the data, or give no causes."
        )


def _worded(
    found: Prediction, done: Completion[HealthAnswer], question: Question, known: Iterator[Evidence]
) -> Prediction:
    answer, insights, reveal = done.value, _insights(found), question.words.reveal
    causes = _grounded(answer, insights, question.facts.ids)
    cited = {fact for cause in causes for fact in known_ids(cause.evidence, question.facts.ids)}
    told = {fact.id: fact for fact in (*known, *question.facts.metrics) if fact.kind != "health"}
    words = HealthWords(
        summary=reveal(answer.summary),
        causes=tuple(
            PossibleCause(
                anomaly=cause.anomaly - 1,
                text=reveal(cause.sentence),
                evidence=known_ids(cause.evidence, question.facts.ids),
            )
            for cause in causes
        ),
    )
    said = " ".join([answer.summary, *(cause.sentence for cause in causes)])
    return replace(
        found,
        explanation=words.summary,
        evidence=[*found.evidence, *(fact for fact in told.values() if fact.id in cited)],
        unmatched_numbers=unmatched_numbers(said, [question.messages[-1].content]),
        doubts=tuple(_doubts(answer, len(causes), question)),
        health=replace(insights, words=words),
    )


def _doubts(answer: HealthAnswer, kept: int, question: Question) -> Iterator[Doubt]:
    cited = {fact for cause in answer.causes for fact in cause.evidence}
    if kept < len(answer.causes) or cited - question.facts.ids:
        yield "ungrounded_part"
    if not question.words.is_known(answer.model_dump_json()):
        yield "unknown_name"
