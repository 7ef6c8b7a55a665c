"""What would be sent to a language model, shown and counted without one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.tenant_settings import read_settings
from cs_ml.domain.llm.entities import KnownNames
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.engines.health.words import health_question
from cs_ml.engines.question import AskedPrompt, Asking, Question, churn_prompt, health_prompt
from cs_ml.llm.prompts import FOLDER, load_prompt, prompt_names
from cs_ml.llm.redaction.known import KnownEntities
from cs_ml.llm.request import Message
from cs_ml.llm.tokens import token_counter
from cs_ml.services.clock import Clock, Moment
from cs_ml.services.llm.entities import KnownEntitiesCache
from cs_ml.services.llm.sample import sample_context, sample_reference, sample_trend
from cs_ml.services.predicting.scoring import Scene, read_scenes
from cs_ml.store.accounts import not_found
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository

# The prompts that code asks with; a file beside them has no use.
USED = ("churn_risk", "health_summary", "health_system", "system")


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptPreview:
    """Exactly what would be sent. `hidden`: how many different names and addresses of each kind became placeholders."""

    prompt_version: str
    messages: tuple[Message, ...]
    free_text: bool
    hidden: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptCost:
    """Tokens of each part of the messages, and of all (the form of the answer comes on top). `method`: how counted."""

    method: str
    parts: Mapping[str, int]
    total: int


def check_prompts(folder: Path = FOLDER) -> dict[str, str]:
    """Renders every prompt with a made-up customer: name -> version.

    Raises Invalid for unused or missing variables, a file that cannot be read, or one that nothing asks with.
    """
    names = prompt_names(folder)
    if strangers := sorted(set(names) ^ set(USED)):
        raise Invalid(f"Prompt files and their use differ: {', '.join(strangers)}.")
    nobody = KnownEntities(KnownNames(version="", accounts=(), people=()))
    context, reference = sample_context(), sample_reference()
    asking = Asking(prompt=churn_prompt(folder), known=nobody, free_text=True)
    asking.about(context, reference, DEFAULT_WINDOW_DAYS)
    health_question(replace(asking, prompt=health_prompt(folder)), sample_trend(), context, reference)
    return {name: load_prompt(name, folder).version for name in names}


class PromptService:
    def __init__(self, database: Database, clock: Clock, known: KnownEntitiesCache) -> None:
        self._database = database
        self._clock = clock
        self._known = known

    def asking(self, actor: Actor) -> Asking:
        """How the actor's tenant asks for chances now. Raises Invalid where a prompt file cannot be used."""
        return self._asking(actor, self._prompt)

    def asking_for_words(self, actor: Actor) -> Asking:
        """How it asks for words around health insights. Raises Invalid likewise."""
        return self._asking(actor, self._health_prompt)

    def _asking(self, actor: Actor, prompt: AskedPrompt) -> Asking:
        with self._database.read(actor) as scope:
            settings = read_settings(TenantSettingRepository(scope).list())
        return Asking(prompt=prompt, known=self._known.of(actor), free_text=settings.llm_free_text)

    @cached_property
    def _prompt(self) -> AskedPrompt:
        return churn_prompt()

    @cached_property
    def _health_prompt(self) -> AskedPrompt:
        return health_prompt()

    def preview(self, actor: Actor, account_id: int) -> PromptPreview:
        """Raises NotFound, and Forbidden for whom may not manage the tenant."""
        asking, question = self._question(actor, account_id)
        return PromptPreview(
            prompt_version=asking.prompt.version,
            messages=question.messages,
            free_text=asking.free_text,
            hidden={kind.lower(): count for kind, count in question.words.counts.items()},
        )

    def cost(self, actor: Actor, account_id: int) -> PromptCost:
        """Raises NotFound, and Forbidden for whom may not manage the tenant."""
        asking, question = self._question(actor, account_id)
        counter = token_counter()
        parts = {"fixed": counter.count(asking.prompt.fixed)}
        parts |= {name: counter.count(text) for name, text in question.facts.parts.items()}
        total = sum(counter.count(message.content) for message in question.messages)
        return PromptCost(method=counter.method, parts=parts | {"frame": total - sum(parts.values())}, total=total)

    def _question(self, actor: Actor, account_id: int) -> tuple[Asking, Question]:
        actor.require(Permission.MANAGE_TENANT)
        asking, scene = self.asking(actor), self._scene(actor, account_id)
        return asking, asking.about(scene.context, scene.reference, DEFAULT_WINDOW_DAYS)

    def _scene(self, actor: Actor, account_id: int) -> Scene:
        now = self._clock()
        scenes = read_scenes(self._database, actor, [account_id], Moment(now, live=True), now)
        if account_id not in scenes:
            raise not_found()
        return scenes[account_id]
