"""Churn predictions that the model is asked for overnight: questions as of an instant, and their answers read later as
if they had come then."""

import secrets
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.llm.overnight import Entry, ProviderBatch
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import Prediction, PredictionType
from cs_ml.engines.question import Asking
from cs_ml.llm.answers import ChurnAnswer
from cs_ml.llm.traffic.given import GivenAnswer
from cs_ml.llm.traffic.lines import Line
from cs_ml.llm.traffic.overnight import Overnight, Written
from cs_ml.services.clock import Clock, Moment, milliseconds
from cs_ml.services.learning.lineup import Lineup
from cs_ml.services.llm.chain import OPERATION, EngineChain, LanguageModel
from cs_ml.services.predicting.groups import Asked
from cs_ml.services.predicting.scoring import PredictionRequest, Scene, predicted, read_scenes
from cs_ml.services.predicting.storing import store
from cs_ml.store.database import Database
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.predictions import PredictionRepository
from cs_ml.store.scope import Scope

_KEY = (PredictionType.CHURN, DEFAULT_WINDOW_DAYS)
_STORING = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Night:
    """`questions` as of `at`, by account; `valid`: accounts that need not be asked about; of others nothing is known.
    `serves`: whether a model is asked at all."""

    at: datetime
    serves: bool
    valid: Set[int]
    questions: Mapping[int, Written]

    def expected(self, account_ids: Sequence[int]) -> Decimal | None:
        """US dollars to reserve for these accounts, None where no price is known."""
        each = [self.questions[account_id].expected for account_id in account_ids]
        known = [cost for cost in each if cost is not None]
        return sum(known, start=Decimal(0)) if len(known) == len(each) else None


class OvernightService:
    def __init__(self, database: Database, clock: Clock, engines: EngineChain) -> None:
        self._database = database
        self._clock = clock
        self._engines = engines

    @property
    def provider(self) -> Overnight | None:
        """None where no model is set up."""
        return self._engines.model.client.overnight if self._engines.model else None

    @property
    def price_share(self) -> Decimal:
        """What is paid, of what one answer at a time costs."""
        return self.provider.price_share if self.provider else Decimal(1)

    def serves(self, actor: Actor) -> bool:
        """Whether a model that could be asked overnight serves the tenant."""
        return self._engines.model_of(self._engines.lineup(actor, self._clock())) is not None

    def write(self, actor: Actor, account_ids: Sequence[int], *, refresh: bool) -> Night:
        """Reads what is known of the accounts, and writes the questions. `refresh`: also about accounts with a valid
        prediction."""
        actor.require(Permission.PREDICT)
        now = milliseconds(self._clock())
        lineup = self._engines.lineup(actor, now)
        model = self._engines.model_of(lineup)
        if model is None:
            return Night(at=now, serves=False, valid=frozenset(), questions={})
        with self._database.read(actor) as scope:
            valid = set() if refresh else PredictionRepository(scope).valid_among(account_ids, _KEY[0], now)
        left = [account_id for account_id in account_ids if account_id not in valid]
        scenes = self._scenes(actor, left, now, lineup)
        return Night(at=now, serves=True, valid=valid, questions=_questions(actor, model, scenes))

    def read(
        self, actor: Actor, batch: ProviderBatch, part: Mapping[int, Entry], lines: Mapping[int, Line]
    ) -> Sequence[Asked]:
        """What came of these lines of a batch, by their numbers: a prediction as of the instant of the questions, or
        why there is none; neither for an account that does not exist any more."""
        actor.require(Permission.PREDICT)
        lineup = self._engines.lineup(actor, batch.submitted_at)
        answered = [entry.account_id for number, entry in part.items() if number in lines]
        scenes = self._scenes(actor, answered, batch.submitted_at, lineup)
        model = self._engines.model
        if model is None:
            return [_none(entry.account_id, "no_model") for entry in part.values()]
        found, asking = [], model.prompts.asking(actor)
        for number, entry in part.items():
            if number not in lines:
                found.append(_none(entry.account_id, "missing"))
                continue
            given = GivenAnswer(
                line=lines[number],
                model=batch.model,
                fingerprint=entry.fingerprint,
                asked_at=batch.submitted_at,
                prices=model.client.overnight.prices,
            )
            account_id = entry.account_id
            found.append(
                self._judged(actor, lineup, asking, given, account_id=account_id, scene=scenes.get(account_id))
            )
        return found

    def _judged(
        self,
        actor: Actor,
        lineup: Lineup,
        asking: Asking,
        given: GivenAnswer,
        *,
        account_id: int,
        scene: Scene | None,
    ) -> Asked:
        """By the same engines as an answer that comes at once."""
        if scene is None:
            return Asked(account_id=account_id, attempts=[given.attempt(OPERATION, given.fault)])
        if not lineup.llm:
            return _none(account_id, "does_not_serve", given)
        request = PredictionRequest(account_id=account_id, origin="batch")
        try:
            answer = self._engines.ask(
                actor,
                request,
                scene,
                lineup,
                asking=asking,
                reserve=lambda _expected: None,
                given=given,
            )
        except EngineUnavailable as error:
            return Asked(account_id=account_id, error=error, attempts=error.attempts)
        made = predicted(answer, request, scene, "batch")
        return Asked(account_id=account_id, prediction=made, attempts=answer.attempts)

    def _scenes(self, actor: Actor, account_ids: Sequence[int], at: datetime, lineup: Lineup) -> Mapping[int, Scene]:
        if not account_ids:
            return {}
        return read_scenes(self._database, actor, account_ids, Moment(at, live=True), at, signals=lineup.signals)


def keep(
    scope: Scope, asked: Sequence[Asked], mine: Set[int], since: datetime, now: datetime
) -> Mapping[int, Prediction]:
    """Writes the books, and stores the predictions of the accounts in `mine` of which none in force was made after
    `since`; answers those."""
    gone = {one.account_id for one in asked if one.prediction is None and one.error is None}
    UsageRepository(scope).save_each(
        [(attempt, None if one.account_id in gone else one.account_id) for one in asked for attempt in one.attempts]
    )
    made = {one.account_id: one.prediction for one in asked if one.prediction and one.account_id in mine}
    stored, holder = PredictionRepository(scope), secrets.token_hex(16)
    # Whoever stores a prediction ends a claim: from here on nobody else stores one of these.
    stored.claim_each([*made], *_KEY, holder=holder, now=now, until=now + _STORING)
    newer = stored.newer_among([*made], _KEY[0], since)
    kept = store(scope, [made[key] for key in made if key not in newer], now)
    stored.release_each(holder, [*made])
    return kept


def _questions(actor: Actor, model: LanguageModel, scenes: Mapping[int, Scene]) -> Mapping[int, Written]:
    asking, provider = model.prompts.asking(actor), model.client.overnight
    found = {}
    for account_id, scene in scenes.items():
        question = asking.about(scene.context, scene.reference, DEFAULT_WINDOW_DAYS)
        found[account_id] = provider.write(
            question.messages,
            ChurnAnswer,
            ids=question.facts.ids,
            max_tokens=asking.prompt.max_tokens,
            temperature=asking.prompt.temperature,
        )
    return found


def _none(account_id: int, reason: str, given: GivenAnswer | None = None) -> Asked:
    attempts = () if given is None else (given.attempt(OPERATION, given.fault),)
    error = EngineUnavailable("No answer came overnight.", reason=reason, attempts=attempts)
    return Asked(account_id=account_id, error=error, attempts=attempts)
