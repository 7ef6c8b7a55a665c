"""The forms of answers: what a model may say, and how much of it. The texts around them are in `prompts/`."""

from typing import Annotated, Literal

from pydantic import Field

from cs_ml.domain.predictions import Effort, Impact, Priority
from cs_ml.llm.schema import StrictAnswer

Short = Annotated[str, Field(min_length=1, max_length=90)]
Sentence = Annotated[str, Field(min_length=1, max_length=220)]
EvidenceId = Annotated[str, Field(min_length=2, max_length=6)]


class Factor(StrictAnswer):
    """One reason, with the ids of the facts that it rests on."""

    name: Short
    impact: Impact
    direction: Literal["risk", "protective"]
    sentence: Sentence
    evidence: list[EvidenceId] = Field(max_length=6)


class Advice(StrictAnswer):
    """`action` begins with a verb."""

    action: Sentence
    rationale: Sentence
    expected_impact: Short
    priority: Priority
    effort: Effort
    timeframe: Annotated[str, Field(min_length=1, max_length=40)]


class ChurnAnswer(StrictAnswer):
    """`probability` that the customer leaves within the window."""

    probability: float = Field(ge=0, le=1)
    factors: list[Factor] = Field(max_length=5)
    explanation: Annotated[str, Field(min_length=1, max_length=600)]
    recommendations: list[Advice] = Field(max_length=3)
