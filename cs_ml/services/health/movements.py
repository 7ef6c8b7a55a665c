"""How the health of a portfolio moved since a day."""

from collections.abc import Sequence
from datetime import datetime

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid
from cs_ml.domain.health.movements import BandWeek, Movements
from cs_ml.services.clock import Clock
from cs_ml.services.health.moved_derived import derived_movements
from cs_ml.services.portfolio import LIVE_ACCOUNTS
from cs_ml.store.database import Database
from cs_ml.store.history.scores import HealthScoreRepository
from cs_ml.store.portfolio import PortfolioRepository
from cs_ml.store.portfolio.band_days import BandDayRepository
from cs_ml.store.portfolio.movements import MovementRepository


class MovementService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def movements(self, actor: Actor, owner_id: int | None, since: datetime) -> Movements:
        """Of the live accounts of an owner, or of everybody that the actor sees; by derived scores where the CRM has
        sent none of any account. Raises Invalid."""
        actor.require(Permission.READ)
        until = self._clock()
        if since >= until:
            raise Invalid("Choose a day that has passed.", fields={"since": "a day that has passed"})
        with self._database.read(Actor.system(actor.tenant_id)) as scope:
            derived = not HealthScoreRepository(scope).any_before(until)
        weeks = () if derived else self._weeks(actor, owner_id, until)
        with self._database.read(actor) as scope:
            if derived:
                return derived_movements(scope, owner_id, since, until)
            found = MovementRepository(scope)
            movers, moved = found.movers(owner_id, since, until)
            return Movements(
                since=since,
                until=until,
                weeks=weeks,
                moves=found.moves(owner_id, since, until),
                moved=moved,
                movers=movers,
            )

    def count_bands(self, actor: Actor) -> bool:
        """Counts the ends of past weeks of a tenant so large that nobody should wait for it; answers whether it is one
        whose CRM sends scores."""
        actor.require(Permission.MANAGE_TENANT)
        until = self._clock()
        with self._database.read(actor) as scope:
            if PortfolioRepository(scope).size(None)[0] <= LIVE_ACCOUNTS:
                return False
            if not HealthScoreRepository(scope).any_before(until):
                return False
        self._count(actor, until)
        return True

    def _weeks(self, actor: Actor, owner_id: int | None, until: datetime) -> Sequence[BandWeek]:
        """From the scores themselves, but for past weeks of many accounts: those are counted at the first look of a
        day, if not before it."""
        for _ in range(2):
            with self._database.read(actor) as scope:
                live, past = MovementRepository(scope), BandDayRepository(scope).kept(owner_id, until)
                if past is not None:
                    return [*past, *live.weeks(owner_id, until, first=len(past))]
                if actor.scope != "all" or PortfolioRepository(scope).size(None)[0] <= LIVE_ACCOUNTS:
                    break
            self._count(Actor.system(actor.tenant_id), until)
        with self._database.read(actor) as scope:
            return MovementRepository(scope).weeks(owner_id, until)

    def _count(self, product: Actor, until: datetime) -> None:
        """Reads first, as long as it takes: nobody waits for a lock meanwhile."""
        with self._database.read(product) as scope:
            counted = BandDayRepository(scope).count(until)
        with self._database.write(product) as scope:
            BandDayRepository(scope).keep(until, counted)
