"""The forms of answers: what a model may say, and how much of it. The texts around them are in `prompts/`.

The bounds leave room above what the prompt asks for: models that do not know them are cut off there.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from cs_ml.domain.predictions import Effort, Impact, Priority
from cs_ml.llm.schema import FactId, StrictAnswer

Short = Annotated[str, Field(min_length=1, max_length=60)]
Sentence = Annotated[str, Field(min_length=1, max_length=180)]
# Asked for, so that servers which enforce the form let nobody begin with an empty list; what cites nothing is dropped.
_ONE: dict[str, Any] = {"minItems": 1}
# Asked for as well: llama.cpp enforces lists of values but no range of a fraction, and small models wrote 2. Coarse,
# as each value is sent with every request; an answer between them is as good.
_CHANCES: dict[str, Any] = {"enum": [0.01, 0.02, 0.03, 0.05, 0.07, *(step / 20 for step in range(2, 20)), 0.97, 0.99]}


class Factor(StrictAnswer):
    """One reason, with the ids of the facts that it rests on."""

    name: Short
    impact: Impact
    direction: Literal["risk", "protective"]
    sentence: Sentence
    evidence: list[FactId] = Field(max_length=4, json_schema_extra=_ONE)


class Advice(StrictAnswer):
    """`action` begins with a verb."""

    action: Sentence
    rationale: Sentence
    expected_impact: Short
    priority: Priority
    effort: Effort
    timeframe: Annotated[str, Field(min_length=1, max_length=30)]


class ChurnAnswer(StrictAnswer):
    """`probability` that the customer leaves within the window."""

    probability: float = Field(ge=0, le=1, json_schema_extra=_CHANCES)
    factors: list[Factor] = Field(max_length=4, json_schema_extra=_ONE)
    explanation: Annotated[str, Field(min_length=1, max_length=480)]
    recommendations: list[Advice] = Field(max_length=2)


class Cause(StrictAnswer):
    """A possible cause of the anomaly with this number, with the ids of the facts that it rests on."""

    anomaly: int = Field(ge=1, le=99)
    sentence: Sentence
    evidence: list[FactId] = Field(max_length=4, json_schema_extra=_ONE)


class HealthAnswer(StrictAnswer):
    """Words about what the statistics found; no figure of them is the model's."""

    summary: Annotated[str, Field(min_length=1, max_length=480)]
    causes: list[Cause] = Field(max_length=4)
