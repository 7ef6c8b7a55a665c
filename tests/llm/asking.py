"""A small question with a form, and a client that asks it without waiting between its tries."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import Field

from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.usage import Completion
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.request import Message
from cs_ml.llm.schema import AnswerRejected, StrictAnswer
from cs_ml.llm.transport import Endpoint

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
MODEL = "gpt-4.1-mini"
TIMEOUT_S = 2.0
VALID = {"probability": 0.62, "evidence": ["H1", "A3"], "explanation": "Usage fell."}
MESSAGES = (Message(role="system", content="You judge."), Message(role="user", content="H1 usage 41; A3 complaint"))


class Verdict(StrictAnswer):
    probability: float = Field(ge=0, le=1)
    evidence: list[str] = Field(max_length=5)
    explanation: str = Field(max_length=400)


def grounded(verdict: Verdict) -> None:
    if not set(verdict.evidence) <= {"H1", "A3"}:
        raise AnswerRejected("The evidence was not among what was sent: use H1, A3.")


@dataclass
class Asker:
    """`slept`: what the client would have waited. `kwargs` go to `complete`."""

    client: LlmClient
    slept: list[float] = field(default_factory=list)

    def ask(self, messages: Sequence[Message] = MESSAGES, **kwargs: Any) -> Completion[Verdict]:
        return self.client.complete(messages, Verdict, operation="churn-prediction", check=grounded, **kwargs)

    def fail(self, messages: Sequence[Message] = MESSAGES, **kwargs: Any) -> EngineUnavailable:
        with pytest.raises(EngineUnavailable) as failed:
            self.ask(messages, **kwargs)
        return failed.value


@contextmanager
def asking(
    url: str,
    *,
    model: str = MODEL,
    timeout_s: float = TIMEOUT_S,
    clock: Callable[[], float] | None = None,
) -> Iterator[Asker]:
    slept: list[float] = []
    endpoint = Endpoint(base_url=url, api_key="sk-test", model=model)
    more: dict[str, Any] = {"clock": clock} if clock else {}
    client = LlmClient(endpoint, load_prices(), timeout_s=timeout_s, now=lambda: NOW, sleep=slept.append, **more)
    try:
        yield Asker(client, slept)
    finally:
        client.close()
