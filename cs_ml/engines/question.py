"""What is asked of a model about one account, and the asking: messages, and what is needed to read the answer."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.errors import Invalid
from cs_ml.domain.llm.usage import Completion, Operation
from cs_ml.domain.policy import DEFAULT_BASE_RATE
from cs_ml.engines.facts_text import Facts, facts_of
from cs_ml.llm.answers import ChurnAnswer, HealthAnswer
from cs_ml.llm.prompts import FOLDER, Prompt, load_prompt
from cs_ml.llm.redaction.known import KnownEntities
from cs_ml.llm.redaction.placeholders import Redaction
from cs_ml.llm.request import Message
from cs_ml.llm.schema import S, StrictAnswer


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedPrompt:
    """The fixed text, the same for every account, and the frame around an account's facts."""

    fixed: str
    frame: Prompt
    version: str
    max_tokens: int
    temperature: float


def churn_prompt(folder: Path = FOLDER) -> AskedPrompt:
    """Raises Invalid where a file cannot be used, or asks for another form of answer."""
    return _asked("system", "churn_risk", ChurnAnswer, folder)


def health_prompt(folder: Path = FOLDER) -> AskedPrompt:
    """Raises Invalid where a file cannot be used, or asks for another form of answer."""
    return _asked("health_system", "health_summary", HealthAnswer, folder)


def _asked(first: str, second: str, schema: type[StrictAnswer], folder: Path) -> AskedPrompt:
    system, frame = load_prompt(first, folder), load_prompt(second, folder)
    if frame.schema != schema.__name__:
        raise Invalid(f"Prompt file {second}.md must have the schema {schema.__name__}.")
    try:
        max_tokens, temperature = int(system.settings["max_tokens"]), system.settings["temperature"]
    except KeyError as missing:
        raise Invalid(f"Prompt file {first}.md lacks the setting {missing}.") from None
    return AskedPrompt(
        fixed=system.render(),
        frame=frame,
        version=sha256(f"{system.version}{frame.version}".encode()).hexdigest()[:12],
        max_tokens=max_tokens,
        temperature=temperature,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """`words` turns the answer's placeholders back; it lives no longer than the request."""

    messages: tuple[Message, ...]
    facts: Facts
    words: Redaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """How a tenant asks: the prompt, all names that it knows, and whether free text may be sent."""

    prompt: AskedPrompt
    known: KnownEntities
    free_text: bool

    def about(
        self, context: AccountContext, reference: TenantReference, window_days: int, *, short: bool = False
    ) -> Question:
        """`short`: without free text, and only the newest facts beside the metrics."""
        words = Redaction(self.known, context.profile.account_id, context.profile.name)
        facts = facts_of(
            context,
            reference,
            words,
            free_text=self.free_text and not short,
            brief=short,
        )
        rate = DEFAULT_BASE_RATE if reference.base_rate is None else reference.base_rate
        user = self.prompt.frame.render(window_days=str(window_days), base_rate=f"{rate:.0%}", facts=facts.text)
        messages = (Message(role="system", content=self.prompt.fixed), Message(role="user", content=user))
        return Question(messages=messages, facts=facts, words=words)


class Completer(Protocol):
    """Gives answers: the process's client, or what came overnight."""

    def expected_cost(self, messages: Sequence[Message], schema: type[S], *, max_tokens: int) -> Decimal | None: ...

    def complete(
        self,
        messages: Sequence[Message],
        schema: type[S],
        *,
        operation: Operation,
        ids: Collection[str] = (),
        check: Callable[[S], None] | None = None,
        shorter: Callable[[], tuple[Sequence[Message], Collection[str]]] | None = None,
        max_tokens: int,
        temperature: float,
        on_behalf: str = "",
        patient: bool = False,
    ) -> Completion[S]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """How a model is called. `client` is the process's, or what came overnight.

    `reserve` is told before a call what it may cost in US dollars, None where no price is known; it raises
    EngineUnavailable where the budget has no room. `patient`: where the model is only busy, an error says when to ask
    again.
    """

    client: Completer
    reserve: Callable[[Decimal | None], object]
    on_behalf: str = ""
    patient: bool = False

    def ask(
        self,
        prompt: AskedPrompt,
        schema: type[S],
        operation: Operation,
        about: Callable[[bool], Question],
        check: Callable[[S, Question], None],
    ) -> tuple[Completion[S], Question]:
        """The answer, and the question that it answers: `about(True)` where `about(False)` was too long for the model.

        Raises EngineUnavailable with a Fault as its reason and the attempts made.
        """
        question = about(False)

        def shorter() -> tuple[Sequence[Message], Collection[str]]:
            nonlocal question
            question = about(True)
            return question.messages, question.facts.ids

        self.reserve(self.client.expected_cost(question.messages, schema, max_tokens=prompt.max_tokens))
        done = self.client.complete(
            question.messages,
            schema,
            operation=operation,
            ids=question.facts.ids,
            check=lambda answer: check(answer, question),
            shorter=shorter,
            max_tokens=prompt.max_tokens,
            temperature=prompt.temperature,
            on_behalf=self.on_behalf,
            patient=self.patient,
        )
        return done, question
