"""What stood out in an account's health history."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.health.insights import Anomaly
from cs_ml.engines.health.insights import HISTORY_DAYS, timeline_anomalies
from cs_ml.services.clock import Clock, moment
from cs_ml.services.health.reading import read_health
from cs_ml.store.database import Database


class AnomalyService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def anomalies(
        self, actor: Actor, account_id: int, since: datetime, as_of: datetime | None = None
    ) -> Sequence[Anomaly]:
        """Those that ended in (since, as_of], of all dimensions, in order of date."""
        actor.require(Permission.READ)
        until = moment(self._clock, as_of).at
        oldest = min(since, until - timedelta(days=HISTORY_DAYS))
        readings, _ = read_health(self._database, actor, account_id, oldest, until)
        return timeline_anomalies(readings, since=since)
