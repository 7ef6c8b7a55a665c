"""A test call: does the model that is set up answer at all, and in the agreed form."""

from typing import Annotated

from pydantic import Field

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.usage import FAULT_SENTENCES, Completion, Fault, Operation
from cs_ml.llm.client import LlmClient
from cs_ml.llm.request import Message
from cs_ml.llm.schema import StrictAnswer
from cs_ml.services.llm.usage import UsageService

_OPERATION: Operation = "test-call"
_MAX_TOKENS = 200  # models that think first need some before they answer
_MESSAGES = (Message(role="user", content='This is a test call. Answer with the word "ready".'),)


class TrialAnswer(StrictAnswer):
    """Any word will do: the form is what is tried."""

    word: Annotated[str, Field(min_length=1, max_length=40)]


class TrialService:
    """`client`: None where no model is set up."""

    def __init__(self, client: LlmClient | None, usage: UsageService) -> None:
        self._client = client
        self._usage = usage

    def call(self, actor: Actor) -> Completion[TrialAnswer]:
        """One tiny call without any customer's data, booked and within the budget as every other.

        Raises Forbidden for whom may not manage the tenant, and EngineUnavailable with a sentence why it failed.
        """
        actor.require(Permission.MANAGE_TENANT)
        client = self._client
        if client is None:
            raise EngineUnavailable(FAULT_SENTENCES[Fault.NO_KEY], reason=Fault.NO_KEY)
        expected = client.expected_cost(_MESSAGES, TrialAnswer, max_tokens=_MAX_TOKENS)
        with self._usage.booked(actor, _OPERATION, client.model, None) as booking:
            booking.reserve(expected)
            done = client.complete(_MESSAGES, TrialAnswer, operation=_OPERATION, max_tokens=_MAX_TOKENS)
            booking.attempts = done.attempts
        return done
