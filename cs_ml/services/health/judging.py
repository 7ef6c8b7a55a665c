"""Health forecasts judged by what the score was at the end of their window."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cs_ml.domain.health.insights import FORECAST_DAYS, JUDGED_WITHIN
from cs_ml.domain.health.outcomes import judge
from cs_ml.domain.timeline import HealthReading
from cs_ml.services.health.derived import derived_readings
from cs_ml.store.history.scores import HealthScoreRepository
from cs_ml.store.history.timelines import TimelineRepository
from cs_ml.store.learning.trends import DueTrend, TrendRepository
from cs_ml.store.scope import Scope

# A score that comes later than that is not waited for: what cannot be judged would be looked at for ever.
_WAITS = timedelta(days=90)


def judge_trends(scope: Scope, now: datetime) -> int:
    """Within the caller's transaction: how many forecasts got an outcome; a second time, none.

    One without a score near the end of its window stays without: it cannot be judged.
    """
    trends = TrendRepository(scope)
    until = now - timedelta(days=FORECAST_DAYS) - JUDGED_WITHIN
    outcomes = {one.id: judge(one.insights, _readings(scope, one)) for one in trends.due(until - _WAITS, until)}
    known = {key: outcome.dropped for key, outcome in outcomes.items() if outcome is not None}
    trends.save(known, now)
    return len(known)


def _readings(scope: Scope, one: DueTrend) -> Sequence[HealthReading]:
    """Around the end of the window, of the same kind as those that were forecast from."""
    forecast = one.insights.forecast
    end = forecast.at if forecast else one.insights.as_of
    since, until = end - JUDGED_WITHIN - timedelta(milliseconds=1), end + JUDGED_WITHIN
    if one.insights.derived:
        return derived_readings(HealthScoreRepository(scope), one.account_id, since, until)
    return TimelineRepository(scope).health(one.account_id, since, until)
