"""What is sent: messages, and the optional parameters as far as the endpoint takes them."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from cs_ml.llm.schema import naming_ids

BYTES_PER_TOKEN = 3  # of JSON and English in today's encodings 3 to 4: rather too many tokens than too few
_MAX_ANSWER_TOLD = 4_000  # characters of a rejected answer that go back to the model

Format = Literal["json_schema", "json_object", "text"]
_FORMATS: tuple[Format, ...] = ("json_schema", "json_object", "text")
_LIMITS = ("max_completion_tokens", "max_tokens", None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """`form` is the `response_format` of the answer, `ids` what it may cite; `max_tokens` bounds the answer;
    `temperature` 0..2. `repairing`: the model is told what was wrong with its first answer."""

    messages: Sequence[Message]
    form: dict[str, Any]
    max_tokens: int
    temperature: float
    ids: Collection[str] = ()
    repairing: bool = False

    @property
    def prompt_tokens(self) -> int:
        """Estimated from the length; at run time the server's own count is the truth."""
        texts = [message.content for message in self.messages]
        return estimated_tokens(json.dumps(self.form)) + sum(estimated_tokens(text) + 4 for text in texts)

    def with_complaint(self, answer: str, complaint: str) -> "Request":
        """The model sees its answer and what was wrong with it."""
        told = f"{complaint} Send the whole answer again, corrected, as one JSON object and nothing else."
        repair = (
            Message(role="assistant", content=answer[:_MAX_ANSWER_TOLD]),
            Message(role="user", content=told),
        )
        return replace(self, messages=(*self.messages, *repair), repairing=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What an endpoint takes. The best first; what it refuses by name is left out from then on (`without`):

    `json_schema` (the server enforces the form), else JSON mode, else plain text; in the latter two the form is told in
    the last message and our validation alone enforces it. Newer servers want `max_completion_tokens`, older ones
    `max_tokens`. Some models take no temperature. `names_ids`: the form names what may be cited, in each request anew;
    else only where an answer is repaired.
    """

    format: Format = "json_schema"
    limit: str | None = "max_completion_tokens"
    temperature: bool = True
    names_ids: bool = True

    def without(self, complaint: str) -> "Features | None":
        """The next best after an error that names one of the parameters, None if it names none that can go."""
        words = complaint.lower()
        named = {
            place: name
            for name in (
                "response_format",
                "json_schema",
                "json_object",
                "max_completion_tokens",
                "max_tokens",
                "temperature",
            )
            if (place := words.find(name)) >= 0
        }
        first = named[min(named)] if named else ""
        if first == "temperature" and self.temperature:
            return replace(self, temperature=False)
        if first.startswith("max_") and self.limit:
            return replace(self, limit=_LIMITS[_LIMITS.index(self.limit) + 1])
        if ("json" in first or first == "response_format") and self.format != "text":
            return replace(self, format=_FORMATS[_FORMATS.index(self.format) + 1])
        return None

    def body(self, request: Request) -> dict[str, Any]:
        """Messages and parameters of a request to this endpoint, without the model."""
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        sent: dict[str, Any] = {"messages": messages}
        if self.format == "json_schema":
            named = self.names_ids or request.repairing
            sent["response_format"] = naming_ids(request.form, request.ids) if named else request.form
        else:
            messages[-1]["content"] += _form_in_words(request.form)
        if self.format == "json_object":
            sent["response_format"] = {"type": "json_object"}
        if self.limit:
            sent[self.limit] = request.max_tokens
        if self.temperature:
            sent["temperature"] = request.temperature
        return sent


def estimated_tokens(text: str) -> int:
    return -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


def _form_in_words(form: dict[str, Any]) -> str:
    schema = json.dumps(form["json_schema"]["schema"], separators=(",", ":"))
    return f"\n\nAnswer with one JSON object, nothing before or after it, that follows this JSON Schema:\n{schema}"
