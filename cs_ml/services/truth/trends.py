"""Forecasts of health scores against what the scores then were."""

from datetime import datetime, timedelta

from cs_ml.domain.health.insights import JUDGED_WITHIN
from cs_ml.domain.health.outcomes import judge
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.domain.truth.outcomes import ACCURATE_FROM
from cs_ml.store.history.scores import HealthScoreRepository
from cs_ml.store.learning.trends import TrendRepository
from cs_ml.store.scope import Scope

# After so long without a reading there will be none; imports that are later still are not waited for.
_TRIED_FOR = timedelta(days=180)


def judge_trends(scope: Scope, now: datetime) -> int:
    """Within the caller's transaction, forecasts whose time has passed and after which any later reading is at hand;
    answers how many got an outcome. Two statements read whatever there is to judge."""
    trends = TrendRepository(scope)
    until = now - JUDGED_WITHIN
    due = [one for one in trends.due(until - _TRIED_FOR, until) if not one.insights.derived]
    forecasts = [one.insights.forecast.at for one in due if one.insights.forecast]
    if not forecasts:
        return 0
    since, last = min(forecasts) - JUDGED_WITHIN, max(forecasts) + JUDGED_WITHIN
    columns = HealthScoreRepository(scope).columns(sorted({one.account_id for one in due}), since, last)
    readings: dict[int, list[HealthReading]] = {}
    for account_id, at, score in zip(columns.accounts, columns.at, columns.scores, strict=True):
        readings.setdefault(account_id, []).append(HealthReading(at=at, scores={"overall": score}))
    outcomes = {one.id: judge(one.insights, readings.get(one.account_id, [])) for one in due}
    dropped = {key: found.dropped for key, found in outcomes.items() if found is not None}
    warned = {one.id: one.probability >= ACCURATE_FROM for one in due}
    trends.settle(dropped, {key: warned[key] == found for key, found in dropped.items()}, now)
    return len(dropped)
