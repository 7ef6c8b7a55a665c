"""Forecasts of health scores against what the scores then were."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cs_ml.domain.health.insights import FORECAST_DAYS, JUDGED_WITHIN
from cs_ml.domain.health.outcomes import TrendOutcome, judge
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.domain.truth.outcomes import ACCURATE_FROM
from cs_ml.services.health.derived import derived_scores, readings_of
from cs_ml.store.history.scores import HealthScoreRepository
from cs_ml.store.learning.trends import DueTrend, TrendRepository
from cs_ml.store.scope import Scope

# After so long without a reading there will be none; imports that are later still are not waited for.
_TRIED_FOR = timedelta(days=180)
_PART = 500  # accounts whose derived scores are computed at once: 365 days of lookback each


def judge_trends(scope: Scope, now: datetime) -> int:
    """Within the caller's transaction, forecasts whose time has passed and after which any later reading is at hand;
    answers how many got an outcome. Those of derived scores are held against derived scores. The number of statements
    that read does not grow with what there is to judge, but for one step of _PART accounts with derived scores."""
    trends = TrendRepository(scope)
    until = now - JUDGED_WITHIN
    due = [one for one in trends.due(until - _TRIED_FOR, until) if one.insights.forecast]
    sent, derived = ([one for one in due if one.insights.derived is kind] for kind in (False, True))
    outcomes = {**_judged_by_sent(scope, sent), **_judged_by_derived(scope, derived)}
    dropped = {key: found.dropped for key, found in outcomes.items() if found is not None}
    if not dropped:
        return 0
    warned = {one.id: one.probability >= ACCURATE_FROM for one in due}
    trends.settle(dropped, {key: warned[key] == found for key, found in dropped.items()}, now)
    return len(dropped)


def _judged_by_sent(scope: Scope, due: Sequence[DueTrend]) -> dict[int, TrendOutcome | None]:
    if not due:
        return {}
    since, last = _span(due)
    columns = HealthScoreRepository(scope).columns(sorted({one.account_id for one in due}), since, last)
    readings: dict[int, list[HealthReading]] = {}
    for account_id, at, score in zip(columns.accounts, columns.at, columns.scores, strict=True):
        readings.setdefault(account_id, []).append(HealthReading(at=at, scores={"overall": score}))
    return {one.id: judge(one.insights, readings.get(one.account_id, [])) for one in due}


def _judged_by_derived(scope: Scope, due: Sequence[DueTrend]) -> dict[int, TrendOutcome | None]:
    """`now` lies JUDGED_WITHIN or more after the end of each window, so the scores near it are final."""
    if not due:
        return {}
    since, last = _span(due)
    days = (last.astimezone(UTC).date() - since.astimezone(UTC).date()).days + 1
    ids, found = sorted({one.account_id for one in due}), {}
    for start in range(0, len(ids), _PART):
        part = ids[start : start + _PART]
        scores = derived_scores(HealthScoreRepository(scope), part, last, days=days)
        rows = {account_id: row for row, account_id in enumerate(part)}
        for one in due:
            if one.account_id in rows:
                near = _columns_near(one, last, days)
                found[one.id] = judge(one.insights, readings_of(scores, rows[one.account_id], near, last))
    return found


def _columns_near(one: DueTrend, last: datetime, days: int) -> range:
    """The days around the end of its window."""
    end = days - 1 - (last.astimezone(UTC).date() - _ends(one).astimezone(UTC).date()).days
    return range(max(end - JUDGED_WITHIN.days, 0), min(end + JUDGED_WITHIN.days + 1, days))


def _span(due: Sequence[DueTrend]) -> tuple[datetime, datetime]:
    ends = [_ends(one) for one in due]
    return min(ends) - JUDGED_WITHIN, max(ends) + JUDGED_WITHIN


def _ends(one: DueTrend) -> datetime:
    return one.insights.as_of + timedelta(days=FORECAST_DAYS)
