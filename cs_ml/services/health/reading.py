"""The health history of one account, as the CRM sent it, else derived."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.services.health.derived import derived_readings
from cs_ml.store.database import Database
from cs_ml.store.history.scores import HealthScoreRepository
from cs_ml.store.history.timelines import TimelineRepository

MOST_DERIVED_DAYS = 1_100  # they are computed at each look


def read_health(
    database: Database, actor: Actor, account_id: int, since: datetime, until: datetime
) -> tuple[Sequence[HealthReading], bool]:
    """The readings in (since, until], oldest first, and whether they are derived.

    A CRM that has sent any score of any account by `until` sends health scores: an account without them has none then.
    """
    with database.read(actor) as scope:
        sent = TimelineRepository(scope).health(account_id, since, until)
    if sent:
        return sent, False
    with database.read(Actor.system(actor.tenant_id)) as scope:
        if HealthScoreRepository(scope).any_before(until):
            return sent, False
    oldest = max(since, until - timedelta(days=MOST_DERIVED_DAYS))
    with database.read(actor) as scope:
        return derived_readings(HealthScoreRepository(scope), account_id, oldest, until), True
