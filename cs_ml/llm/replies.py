"""What a server answered, read without trusting it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from cs_ml.domain.llm.usage import Fault, TokenUsage
from cs_ml.llm.faults import CallFailed, reported_failure
from cs_ml.llm.schema import MAX_ANSWER_CHARS, AnswerRejected, S, read_answer

MAX_TOKENS_TOLD = 2_000_000  # more is no count of tokens
MAX_MODEL_CHARS = 200


class _Details(BaseModel):
    cached_tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS_TOLD)


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0, le=MAX_TOKENS_TOLD)
    completion_tokens: int = Field(ge=0, le=MAX_TOKENS_TOLD)
    prompt_tokens_details: _Details | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    finish_reason: str | None = None
    message: _Message


class _Body(BaseModel):
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answered request. `usage` is None where the server did not report it; `fault` says why `text` is no use."""

    text: str
    model: str | None
    usage: TokenUsage | None
    fault: Fault | None


def read_reply(body: bytes) -> Reply:
    """Raises CallFailed where the body holds no reply at all: no JSON, an error, no choices."""
    try:
        parsed = _Body.model_validate_json(body)
    except ValidationError:
        raise CallFailed(Fault.INVALID_BODY) from None
    if parsed.error:
        raise reported_failure(parsed.error)
    if not parsed.choices:
        raise CallFailed(Fault.NO_CHOICES)
    return Reply(
        text=parsed.choices[0].message.content or "",
        model=(parsed.model or "")[:MAX_MODEL_CHARS] or None,
        usage=_usage(parsed.usage),
        fault=_fault(parsed.choices[0]),
    )


def judged(reply: Reply, schema: type[S], check: Callable[[S], None] | None) -> S:
    """The answer in a reply, in its form and accepted by `check`. Raises CallFailed."""
    if reply.fault:
        raise CallFailed(reply.fault)
    try:
        value = read_answer(reply.text, schema)
        if check:
            check(value)
    except AnswerRejected as error:
        raise CallFailed(error.fault, error.detail, answer=reply.text) from error
    return value


def _fault(choice: _Choice) -> Fault | None:
    if choice.message.refusal:
        return Fault.REFUSED
    if choice.finish_reason == "content_filter":
        return Fault.CONTENT_FILTER
    if choice.finish_reason == "length":
        return Fault.TRUNCATED
    text = choice.message.content or ""
    if len(text) > MAX_ANSWER_CHARS:
        return Fault.TOO_LARGE
    return None if text.strip() else Fault.EMPTY


def _usage(reported: Any) -> TokenUsage | None:
    try:
        usage = _Usage.model_validate(reported)
    except ValidationError:
        return None
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
    return TokenUsage(prompt=usage.prompt_tokens, completion=usage.completion_tokens, cached=cached)
