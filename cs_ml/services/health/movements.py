"""How the health of a portfolio moved since a day."""

from datetime import datetime

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid
from cs_ml.domain.health.movements import Movements
from cs_ml.services.clock import Clock
from cs_ml.services.health.moved_derived import derived_movements
from cs_ml.store.database import Database
from cs_ml.store.history.scores import HealthScoreRepository
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
        with self._database.read(actor) as scope:
            if derived:
                return derived_movements(scope, owner_id, since, until)
            found = MovementRepository(scope)
            movers, moved = found.movers(owner_id, since, until)
            return Movements(
                since=since,
                until=until,
                weeks=found.weeks(owner_id, until),
                moves=found.moves(owner_id, since, until),
                moved=moved,
                movers=movers,
            )
