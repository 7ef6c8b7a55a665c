"""Predictions in the shadow: what methods that do not serve would have said, to be compared once time has passed."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import islice

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.identity.tenant_settings import TenantSettings, read_settings
from cs_ml.domain.policy import VALIDITY
from cs_ml.domain.predictions import Prediction
from cs_ml.engines.base import Engine, wants_signals
from cs_ml.services.clock import Clock, Moment, milliseconds
from cs_ml.services.learning.lineup import Lineup, Lineups
from cs_ml.services.predicting.scoring import PredictionRequest, read_scenes, score
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.learning.shadows import ShadowRepository

_CHUNK = 500
_CALLS = 50  # of a language model in one night: one that does not answer must not hold up the others
_CALLS_AT_ONCE = 5  # answers are dear: few are lost where a run dies

ModelOf = Callable[[Actor], Engine]  # the language model as an engine of its own, its calls in the tenant's books


class ShadowService:
    def __init__(self, database: Database, clock: Clock, lineups: Lineups, model: ModelOf | None = None) -> None:
        """`model`: None where no language model is set up."""
        self._database = database
        self._clock = clock
        self._lineups = lineups
        self._model = model

    def run(self, actor: Actor) -> int:
        """Asks every method that does not serve about the accounts with a valid churn prediction of which it has said
        nothing for as long as one is valid; answers how many predictions were stored.

        A language model that does not serve is asked only where the tenant allows it a share of the accounts and a
        budget, and stops where that ends. Raises Forbidden.
        """
        actor.require(Permission.MANAGE_TENANT)
        everyone, now = Actor.system(actor.tenant_id), milliseconds(self._clock())
        lineup = self._lineups(everyone, now)
        done = 0
        for engine in self._free(lineup):
            for ids in self._due(everyone, engine, _CHUNK):
                done += self._store(everyone, [*self._answers(everyone, engine, ids)])
        return done + self._ask_the_model(everyone, lineup)

    def _free(self, lineup: Lineup) -> Sequence[Engine]:
        """Those that cost nothing and do not serve. Where a language model serves, they stand in for it only where it
        fails."""
        serves = () if self._model is not None and lineup.llm else lineup.free[:1]
        return [engine for engine in (*lineup.free, *lineup.idle) if engine not in serves]

    def _ask_the_model(self, actor: Actor, lineup: Lineup) -> int:
        with self._database.read(actor) as scope:
            settings = read_settings(TenantSettingRepository(scope).list())
        if self._model is None or lineup.llm or not _may_be_asked(settings):
            return 0
        engine = self._model(actor)
        sample = (
            account
            for ids in self._due(actor, engine, _CHUNK)
            for account in ids
            if _in_sample(actor.tenant_id, account, settings.shadow_llm_percent)
        )
        chosen, done = list(islice(sample, _CALLS)), 0
        for start in range(0, len(chosen), _CALLS_AT_ONCE):
            part = chosen[start : start + _CALLS_AT_ONCE]
            found = [*self._answers(actor, engine, part)]
            done += self._store(actor, found)
            if len(found) < len(part):
                break
        return done

    def _due(self, actor: Actor, engine: Engine, size: int) -> Iterator[Sequence[int]]:
        now, after = milliseconds(self._clock()), 0
        while True:
            with self._database.read(actor) as scope:
                ids = ShadowRepository(scope).due(engine.name, now - VALIDITY, now, after=after, limit=size)
            if not ids:
                return
            yield ids
            after = ids[-1]

    def _answers(self, actor: Actor, engine: Engine, ids: Sequence[int]) -> Iterator[Prediction]:
        """Up to the first account that the engine has no answer for: then it has none for others either."""
        at = Moment(milliseconds(self._clock()), live=True)
        signals = wants_signals(engine)
        for account, scene in read_scenes(self._database, actor, ids, at, at.at, signals=signals).items():
            try:
                yield score([engine], PredictionRequest(account_id=account), scene, "batch")
            except EngineUnavailable:
                return

    def _store(self, actor: Actor, found: Sequence[Prediction]) -> int:
        with self._database.write(actor) as scope:
            ShadowRepository(scope).save_all(found, milliseconds(self._clock()))
        return len(found)


def _may_be_asked(settings: TenantSettings) -> bool:
    """Nobody pays for comparisons without having said how much."""
    return settings.shadow_llm_percent > 0 and settings.llm_budget_usd_month is not None


def _in_sample(tenant_id: str, account_id: int, share: int) -> bool:
    """The same accounts each time, so that one can be followed."""
    digest = sha256(f"{tenant_id}/{account_id}".encode()).digest()
    return int.from_bytes(digest[:4]) % 100 < share
