"""Churn predictions of a group of accounts: read together, asked one by one, stored together."""

import secrets
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.identity.tenant_settings import read_settings
from cs_ml.domain.llm.usage import Attempt
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import Prediction, PredictionType
from cs_ml.engines.question import Asking
from cs_ml.services.clock import Clock, Moment, milliseconds
from cs_ml.services.learning.lineup import Lineup
from cs_ml.services.llm.chain import OPERATION, EngineChain
from cs_ml.services.predicting.scoring import PredictionRequest, Scene, predicted, read_scenes
from cs_ml.services.predicting.storing import store
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.predictions import PredictionRepository
from cs_ml.store.scope import Scope

_OF = PredictionType.CHURN


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """`scenes`: of the accounts to ask about, which are claimed for `holder`. `valid`: those that need not be asked
    about; `busy`: those that somebody else is at. `asking`: None where no model serves."""

    actor: Actor
    holder: str = field(repr=False)  # who knows it may end the claims
    lineup: Lineup
    scenes: Mapping[int, Scene]
    valid: Set[int]
    busy: Set[int]
    asking: Asking | None
    budget: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What came of one account: a prediction, or why there is none. `attempts` and `reservation` are for the books."""

    account_id: int
    prediction: Prediction | None = None
    error: EngineUnavailable | None = None
    attempts: Sequence[Attempt] = ()
    reservation: str | None = None


class GroupService:
    """`begin`, then `ask` about each account from any thread, then `settle` what came of them, in any portions."""

    def __init__(self, database: Database, clock: Clock, engines: EngineChain) -> None:
        self._database = database
        self._clock = clock
        self._engines = engines

    def begin(self, actor: Actor, account_ids: Sequence[int], *, refresh: bool, lease: timedelta) -> Group:
        """Reads what an engine needs of the accounts, and claims them for `lease`. Those that do not exist are in none
        of the group's sets. `refresh`: ask about accounts with a valid prediction, too."""
        actor.require(Permission.PREDICT)
        now, holder = milliseconds(self._clock()), secrets.token_hex(16)
        lineup = self._engines.lineup(actor, now)
        scenes = read_scenes(self._database, actor, account_ids, Moment(now, live=True), now, signals=lineup.signals)
        with self._database.write(actor) as scope:
            settings = read_settings(TenantSettingRepository(scope).list())
            stored = PredictionRepository(scope)
            key = (_OF, DEFAULT_WINDOW_DAYS)
            free = stored.claim_each([*scenes], *key, holder=holder, now=now, until=now + lease)
            # After the claim: whoever held it before has stored by now.
            valid = set() if refresh else stored.valid_among(sorted(free), _OF, now)
            stored.release_each(holder, sorted(valid))
        model = self._engines.model_of(lineup)
        return Group(
            actor=actor,
            holder=holder,
            lineup=lineup,
            scenes={account: scenes[account] for account in account_ids if account in free - valid},
            valid=valid,
            busy=scenes.keys() - free,
            asking=model.prompts.asking(actor) if model else None,
            budget=settings.llm_budget_usd_month is not None,
        )

    def ask(self, group: Group, account_id: int, *, patient: bool) -> Asked:
        """Asks about one account of the group. No transaction is open meanwhile."""
        request = PredictionRequest(account_id=account_id, origin="batch", patient=patient)
        scene, model, reservation = group.scenes[account_id], self._engines.model_of(group.lineup), None

        def reserve(expected: Decimal | None) -> None:
            nonlocal reservation
            if group.budget and model is not None:
                reservation = model.usage.reserve(group.actor, OPERATION, model.client.model, expected)

        try:
            if group.asking is None:
                answer = self._engines.replay(request, scene, group.lineup)
            else:
                answer = self._engines.ask(
                    group.actor, request, scene, group.lineup, asking=group.asking, reserve=reserve
                )
        except EngineUnavailable as error:
            return Asked(account_id=account_id, error=error, attempts=error.attempts, reservation=reservation)
        return Asked(
            account_id=account_id,
            prediction=predicted(answer, request, scene, "batch"),
            attempts=answer.attempts,
            reservation=reservation,
        )


def settle(scope: Scope, group: Group, asked: Sequence[Asked]) -> Mapping[int, Prediction]:
    """Writes the books, ends the claims, and stores the predictions of those that nobody had taken over; by account,
    what is in force then."""
    usage = UsageRepository(scope)
    for one in asked:
        if one.reservation is not None:
            usage.release(one.reservation)
    usage.save_each([(attempt, one.account_id) for one in asked for attempt in one.attempts])
    held = PredictionRepository(scope).release_each(group.holder, [one.account_id for one in asked])
    return store(scope, [one.prediction for one in asked if one.prediction is not None and one.account_id in held])


def renew(scope: Scope, group: Group, until: datetime) -> None:
    """Goes on with what is claimed."""
    PredictionRepository(scope).renew(group.holder, until)
