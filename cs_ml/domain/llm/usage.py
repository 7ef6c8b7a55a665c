"""What a call of a language model used, cost, and how it failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

Operation = Literal["churn-prediction", "health-analysis", "cta-generation", "test-call"]


class Fault(StrEnum):
    """Why a model gave no answer that can be used. The word is stored as `fallback_reason` and `errorType`."""

    KEY_REFUSED = "key_refused"
    PERMISSION = "permission"
    MODEL_NOT_FOUND = "model_not_found"
    BAD_REQUEST = "bad_request"
    CONTEXT_LENGTH = "context_length"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    DNS = "dns"
    TLS = "tls"
    RESET = "reset"
    TIMEOUT = "timeout"
    REDIRECT = "redirect"
    INVALID_BODY = "invalid_body"
    NO_CHOICES = "no_choices"
    EMPTY = "empty"
    REFUSED = "refused"
    CONTENT_FILTER = "content_filter"
    TRUNCATED = "truncated"
    INVALID_JSON = "invalid_json"
    SCHEMA = "schema"
    UNGROUNDED = "ungrounded"
    TOO_LARGE = "too_large"
    BUDGET = "budget"
    BREAKER_OPEN = "breaker_open"
    NO_KEY = "no_key"


# What people are told, administrators what to do.
FAULT_SENTENCES: Mapping[Fault, str] = {
    Fault.KEY_REFUSED: "The model's server refused the key. Check OPENAI_API_KEY.",
    Fault.PERMISSION: "The key has no permission for this model, or not from this region.",
    Fault.MODEL_NOT_FOUND: "The server does not know the model. Check CS_ML_LLM_MODEL and OPENAI_BASE_URL.",
    Fault.BAD_REQUEST: "The model's server did not accept the request.",
    Fault.CONTEXT_LENGTH: "The customer's history is too long for this model.",
    Fault.QUOTA: "The quota or credit at the model's provider is used up.",
    Fault.RATE_LIMITED: "The model's provider gets too many requests at the moment.",
    Fault.SERVER_ERROR: "The model's server has an error at the moment.",
    Fault.CONNECTION: "The model's server cannot be reached.",
    Fault.DNS: "The name of the model's server was not found.",
    Fault.TLS: "The certificate of the model's server is not trusted.",
    Fault.RESET: "The connection to the model's server broke.",
    Fault.TIMEOUT: "The model took too long.",
    Fault.REDIRECT: "The model's server redirects. Check OPENAI_BASE_URL.",
    Fault.INVALID_BODY: "What answered is no model's server. Check OPENAI_BASE_URL if it repeats.",
    Fault.NO_CHOICES: "The model's server answered without an answer.",
    Fault.EMPTY: "The model answered nothing.",
    Fault.REFUSED: "The model declined to answer.",
    Fault.CONTENT_FILTER: "The provider's content filter withheld the answer.",
    Fault.TRUNCATED: "The model's answer was cut off.",
    Fault.INVALID_JSON: "The model's answer was no valid JSON.",
    Fault.SCHEMA: "The model's answer did not have the agreed form.",
    Fault.UNGROUNDED: "The model's answer did not rest on what is known of the customer.",
    Fault.TOO_LARGE: "The model's answer was far too long.",
    Fault.BUDGET: "The monthly budget for the model is used up.",
    Fault.BREAKER_OPEN: "The model failed before and is left alone for now.",
    Fault.NO_KEY: "No model is set up. Set OPENAI_API_KEY, and OPENAI_BASE_URL for a server of your own.",
}
# Waiting does not mend these: an administrator must.
NEED_SETTINGS = frozenset({Fault.KEY_REFUSED, Fault.MODEL_NOT_FOUND, Fault.BUDGET, Fault.NO_KEY})


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUsage:
    """Tokens of one or more attempts. `cached`: those of `prompt` that the provider served from its cache, None where
    it does not say. `estimated`: counted by us from the length of the texts, as the server did not report them."""

    prompt: int
    completion: int
    cached: int | None = None
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        known = [cached for cached in (self.cached, other.cached) if cached is not None]
        return TokenUsage(
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            cached=sum(known) if known else None,
            estimated=self.estimated or other.estimated,
        )


NO_TOKENS = TokenUsage(prompt=0, completion=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One request to a model, failed or not; `created_at` is when it was sent. `latency_ms`: None of one that was
    asked overnight, whose answer waited for others.

    `cost` in US dollars, None where no price is known; `price_version` names the table that it comes from.
    """

    operation: Operation
    model: str
    usage: TokenUsage
    latency_ms: int | None
    success: bool
    error_type: Fault | None
    cost: Decimal | None
    price_version: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion(Generic[T]):
    """A validated answer. Usage and cost (None if that of any attempt is unknown) are sums over `attempts`;
    `latency_ms` is from the call to the answer, waiting included, None overnight. `model` as the server names it."""

    value: T
    usage: TokenUsage
    attempts: Sequence[Attempt]
    model: str
    latency_ms: int | None
    cost: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakerState:
    """Whether calls to an endpoint are let through. `fault`: what opened it last.

    `retry_in_s`: seconds until a call is tried again, None where only new settings help (and while closed).
    """

    kind: Literal["closed", "open", "half_open"]
    fault: Fault | None
    retry_in_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageSum:
    """Attempts of one UTC day, model and operation. `cost` in US dollars leaves out the `unknown_cost` attempts.

    `unsettled`: calls that are under way, or whose end nobody saw; `cost` holds what they were expected to cost.
    """

    day: date
    model: str
    operation: str
    attempts: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal
    unknown_cost: int
    unsettled: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """`part` of `n`."""

    part: int
    n: int

    @property
    def value(self) -> float | None:
        """0..1, None of nothing."""
        return self.part / self.n if self.n else None


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyFigures:
    """How the product does, over the days asked for.

    `calls`: calls of the model that gave an answer. `usual_ms`, `slow_ms`: how long half and 95 % of those took at
    most that were not asked overnight, None without any. `fallbacks`: predictions that another engine had to make, by
    reason; `predictions`: all. `accurate`: judged predictions that were right at one half. `completed`: CTAs made from
    predictions that are done.
    """

    calls: Share
    usual_ms: int | None
    slow_ms: int | None
    predictions: int
    fallbacks: Mapping[str, int]
    accurate: Share
    completed: Share
