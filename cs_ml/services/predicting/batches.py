"""Predictions of a whole portfolio, set-based: a chunk of accounts costs as many statements as one account."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.context import AccountContext
from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import Origin, Prediction, PredictionType
from cs_ml.engines.base import Engine
from cs_ml.services.clock import Clock, Moment, milliseconds, moment
from cs_ml.services.learning.lineup import Lineups, lineups_of
from cs_ml.services.predicting.after import After, nothing_follows
from cs_ml.services.predicting.scoring import PredictionRequest, read_scenes, score
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.predictions import PredictionRepository

_CHUNK = 500

Progress = Callable[[int], None]


class BatchService:
    def __init__(
        self, database: Database, clock: Clock, engines: Sequence[Engine] | Lineups, *, after: After = nothing_follows
    ) -> None:
        """`engines`: those that cost nothing, for everybody or by tenant and instant. `after`: what follows stored
        predictions."""
        self._database = database
        self._clock = clock
        self._lineups = lineups_of(engines)
        self._after = after

    def predict_missing(
        self, actor: Actor, progress: Progress | None = None, *, skip_cta: bool = False
    ) -> Mapping[str, int]:
        """A churn prediction for every live account without a valid one; answers accounts per risk band.

        `progress` is told how many accounts are done. Without `skip_cta` they may make CTAs, as single ones do.
        """
        actor.require(Permission.PREDICT)
        after, done = 0, 0
        while ids := self._without_valid(actor, after):
            now = milliseconds(self._clock())
            predictions = self._score(actor, ids, Moment(now, live=True))
            with self._database.write(actor) as scope:
                stored = PredictionRepository(scope)
                stored.supersede(ids, PredictionType.CHURN, DEFAULT_WINDOW_DAYS, now)
                stored.save_all(predictions, now)
                AuditRepository(scope).add([_made(actor, len(predictions), now)])
            if not skip_cta:
                self._after(actor, ids)
            after, done = ids[-1], done + len(ids)
            if progress:
                progress(done)
        with self._database.read(actor) as scope:
            return PredictionRepository(scope).count_by_band(self._clock())

    def follow(self, actor: Actor, account_ids: Sequence[int]) -> None:
        """What comes after predictions of these accounts that were computed here and stored elsewhere."""
        self._after(actor, account_ids)

    def compute(self, actor: Actor, account_ids: Sequence[int]) -> Sequence[Prediction]:
        """Churn predictions of these accounts as of now, not stored; accounts that do not exist are left out."""
        actor.require(Permission.PREDICT)
        if not account_ids:
            return []
        return self._score(actor, account_ids, Moment(milliseconds(self._clock()), live=True))

    def riskiest(self, actor: Actor) -> int | None:
        """The account most likely to leave, of those that the actor sees."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return PredictionRepository(scope).riskiest(self._clock())

    def replay(self, actor: Actor, as_of: datetime) -> int:
        """Stores what would have been predicted at a past instant for every customer of then; answers how many.

        Replays never supersede and are never served; running the same replay again stores nothing. Raises Invalid for
        an instant that has not passed.
        """
        actor.require(Permission.PREDICT)
        at = moment(self._clock, milliseconds(as_of))
        if at.live:
            raise Invalid(
                "A replay is of the past: give a date before today.", fields={"as_of": "a date that has passed"}
            )
        after, done = 0, 0
        while True:
            with self._database.read(actor) as scope:
                accounts = AccountRepository(scope)
                ids = accounts.list_ids(after=after, limit=_CHUNK)
                known, left = PredictionRepository(scope).replayed(ids, at.at), accounts.left(ids, at.at)
            if not ids:
                return done
            fresh = [account_id for account_id in ids if account_id not in known]
            predictions = self._score(actor, fresh, at, left)
            with self._database.write(actor) as scope:
                PredictionRepository(scope).save_all(predictions, self._clock())
            after, done = ids[-1], done + len(predictions)

    def _without_valid(self, actor: Actor, after: int) -> Sequence[int]:
        with self._database.read(actor) as scope:
            return PredictionRepository(scope).without_valid(self._clock(), after=after, limit=_CHUNK)

    def _score(
        self, actor: Actor, ids: Sequence[int], at: Moment, left: Mapping[int, datetime] | None = None
    ) -> list[Prediction]:
        """In a replay without accounts that did not exist yet, or had `left` and not been heard of since."""
        lineup = self._lineups(actor, at.at)
        scenes = read_scenes(self._database, actor, ids, at, self._clock(), signals=lineup.signals)
        origin: Origin = "batch" if at.live else "replay"
        return [
            score(lineup.free, PredictionRequest(account_id=account_id), scene, origin)
            for account_id, scene in scenes.items()
            if at.live or was_there(scene.context, (left or {}).get(account_id))
        ]


def _made(actor: Actor, number: int, now: datetime) -> AuditEntry:
    """One entry for a chunk; each prediction says by itself when and how it was made."""
    return AuditEntry(
        at=now, action="prediction.batch", entity_type="tenant", entity_id=actor.tenant_id, after={"accounts": number}
    )


def was_there(context: AccountContext, left_at: datetime | None) -> bool:
    """Whether the account of a past context was a customer then: it existed, and had not left in silence."""
    if context.profile.customer_since is None:
        return False
    last = context.history.last_at
    return left_at is None or (last is not None and last > left_at)
