"""The agreed form of an answer: sent with the request, and enforced on what comes back without bending it."""

import json
from collections.abc import Collection, Iterator
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypeAliasType

from cs_ml.domain.llm.usage import Fault

MAX_ANSWER_CHARS = 65_536
MAX_IDS_NAMED = 250  # OpenAI takes 1,000 values of enums in a form, and up to 250 in one enum whatever their length
_OBJECTS_TRIED = 20  # opening braces in chatty text that are tried as the begin of the answer
_ERRORS_TOLD = 10
_NUL = "\\u0000"  # no database keeps it
_THOUGHTS_BEGIN, _THOUGHTS_END = "<think>", "</think>"


class StrictAnswer(BaseModel):
    """Base of every answer's form: no coercion ("85%" or true is no number), no unknown fields, no NaN.

    Fields are required, have bounds, and are not dictionaries: then servers can enforce the form while they write.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


S = TypeVar("S", bound=StrictAnswer)

# What an answer cites; a definition of its own in the form, so that one place names all that were sent.
FactId = TypeAliasType("FactId", Annotated[str, Field(min_length=2, max_length=6)])


class AnswerRejected(Exception):
    """An answer that cannot be used. `detail` is told to the model, which may try once more."""

    def __init__(self, detail: str, fault: Fault = Fault.UNGROUNDED) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fault = fault


@cache
def response_format(schema: type[StrictAnswer]) -> dict[str, Any]:
    """The request's `response_format`; made once per form, as it costs milliseconds."""
    from openai.lib._pydantic import to_strict_json_schema

    strict = to_strict_json_schema(schema)
    return {"type": "json_schema", "json_schema": {"name": schema.__name__, "strict": True, "schema": strict}}


def naming_ids(form: dict[str, Any], ids: Collection[str]) -> dict[str, Any]:
    """`form` with every FactId one of `ids`: where a server enforces it, nothing else can be cited.

    As it is where it has no FactId, or there are too many to name.
    """
    named = form["json_schema"]
    definitions = named["schema"].get("$defs", {})
    if FactId.__name__ not in definitions or not 0 < len(ids) <= MAX_IDS_NAMED:
        return form
    closed = {**definitions, FactId.__name__: {"type": "string", "enum": sorted(ids)}}
    return {**form, "json_schema": {**named, "schema": {**named["schema"], "$defs": closed}}}


def read_answer(text: str, schema: type[S]) -> S:
    """The first JSON object in `text` (fenced or chatty texts too). Raises AnswerRejected: invalid_json or schema."""
    found = _first_object(text)
    if _NUL in found:
        raise AnswerRejected("The answer holds the character NUL.", Fault.SCHEMA)
    try:
        return schema.model_validate_json(found)
    except ValidationError as error:
        raise AnswerRejected(_told(error), Fault.SCHEMA) from error


def _first_object(text: str) -> str:
    if text.lstrip().startswith(_THOUGHTS_BEGIN):
        text = text.partition(_THOUGHTS_END)[2]
    problem = "there is no JSON object in it"
    decoder = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_no_constant)
    for start in _braces(text):
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            problem = str(error)
        else:
            return text[start:end]
    raise AnswerRejected(f"The answer is not one JSON object: {problem}.", Fault.INVALID_JSON)


def _braces(text: str) -> Iterator[int]:
    start = -1
    for _ in range(_OBJECTS_TRIED):
        start = text.find("{", start + 1)
        if start < 0:
            return
        yield start


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values under one key: nobody can say which one is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise AnswerRejected("The answer has a key twice in one object.", Fault.INVALID_JSON)
    return found


def _no_constant(name: str) -> Any:
    raise AnswerRejected(f"The answer holds {name}, which is no number.", Fault.SCHEMA)


def _told(error: ValidationError) -> str:
    """Where and what, without the values."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{'.'.join(str(part) for part in p['loc']) or 'answer'}: {p['msg']}" for p in problems[:_ERRORS_TOLD]]
    return "The answer does not have the agreed form: " + "; ".join(lines) + "."
