"""Finding an account, and what happened to it over time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.health.timeline import AccountEvent, AccountHit, AccountTimeline, EventKind, PastPrediction
from cs_ml.services.clock import Clock, moment
from cs_ml.services.health.reading import read_health
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database
from cs_ml.store.history.timelines import TimelineRepository

MOST_HITS = 10
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class AccountService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def search(self, actor: Actor, words: str = "") -> Sequence[AccountHit]:
        """Up to MOST_HITS live accounts whose name holds `words` or whose reference is them, best first."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return AccountRepository(scope).search(words.strip(), limit=MOST_HITS)

    def timeline(
        self, actor: Actor, account_id: int, *, days: int | None = None, as_of: datetime | None = None
    ) -> AccountTimeline:
        """The `days` (None: all) before `as_of` (default: now). Raises NotFound."""
        actor.require(Permission.READ)
        until = moment(self._clock, as_of).at
        since = until - timedelta(days=days) if days else _EVER
        with self._database.read(actor) as scope:
            timelines = TimelineRepository(scope)
            events = [
                *timelines.events(account_id, since, until),
                *(_event(made) for made in timelines.predictions(account_id, until) if made.at > since),
            ]
        readings, derived = read_health(self._database, actor, account_id, since, until)
        return AccountTimeline(
            since=since,
            until=until,
            health=readings,
            events=sorted(events, key=lambda event: (event.at, event.kind, event.text)),
            derived=derived,
        )

    def past_predictions(
        self, actor: Actor, account_id: int, *, as_of: datetime | None = None
    ) -> Sequence[PastPrediction]:
        """Stored churn predictions up to `as_of` (default: now), oldest first; none where there is no such account."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return TimelineRepository(scope).predictions(account_id, moment(self._clock, as_of).at)

    def left(self, actor: Actor, account_id: int, *, as_of: datetime | None = None) -> AccountEvent | None:
        """The newest churn up to `as_of` (default: now)."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return TimelineRepository(scope).newest_churn(account_id, moment(self._clock, as_of).at)


def _event(made: PastPrediction) -> AccountEvent:
    text = f"{made.probability:.0%} chance of leaving within {made.window_days} days, {made.band} risk"
    return AccountEvent(at=made.at, kind=EventKind.PREDICTION, text=text)
