"""The derived scores of accounts, from dated rows: where a tenant's CRM sends none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from cs_ml.domain.health.timeline import HealthReading
from cs_ml.engines.health.derived import LOOKBACK_DAYS, Contacts, DerivedScores, derive
from cs_ml.engines.health.panel import Floats
from cs_ml.store.history.scores import ContactDay, HealthScoreRepository, OpenIssue

_LAST_MOMENT = time(23, 59, 59, 999000)


def derived_scores(
    repository: HealthScoreRepository, ids: Sequence[int], until: datetime, *, days: int
) -> DerivedScores:
    """Rows: accounts in the order of `ids`; columns: the last `days` days up to the day of `until`."""
    since = until - timedelta(days=days + LOOKBACK_DAYS)
    contacts = repository.contacts(ids, since, until)
    issues = repository.issues(ids, until)
    columns = _Days(days + LOOKBACK_DAYS, until.astimezone(UTC).date())
    return derive(_contacts(ids, contacts, issues, columns, until))


def derived_readings(
    repository: HealthScoreRepository, account_id: int, since: datetime, until: datetime
) -> list[HealthReading]:
    """One a day in (since, until], each dated at the end of its day, the last at `until`."""
    days = max((until.astimezone(UTC).date() - since.astimezone(UTC).date()).days, 1)
    found = derived_scores(repository, [account_id], until, days=days)
    return readings_of(found, 0, range(days), until)


def readings_of(found: DerivedScores, row: int, columns: Iterable[int], until: datetime) -> list[HealthReading]:
    """Those of one account in these columns, where known; the last column is the day of `until`."""
    last, end = until.astimezone(UTC).date(), found.overall.shape[1] - 1
    readings = []
    for column in columns:
        at = min(datetime.combine(last - timedelta(days=end - column), _LAST_MOMENT, UTC), until)
        scores = {
            name: int(lines[row, column]) for name, lines in found.parts().items() if np.isfinite(lines[row, column])
        }
        if "overall" in scores:
            readings.append(HealthReading(at=at, scores=scores))
    return readings


@dataclass(frozen=True, slots=True)
class _Days:
    """The columns of a table: `count` days, the last of them `last`."""

    count: int
    last: date

    def column(self, day: date) -> int:
        """Negative before the first."""
        return self.count - 1 - (self.last - day).days


def _contacts(
    ids: Sequence[int], contacts: Sequence[ContactDay], issues: Sequence[OpenIssue], days: _Days, until: datetime
) -> Contacts:
    rows = {account_id: row for row, account_id in enumerate(ids)}
    activities, positive, negative = (np.zeros((len(ids), days.count)) for _ in range(3))
    for one in contacts:
        column = days.column(one.day)
        if column >= 0:
            place = (rows[one.account_id], column)
            activities[place], positive[place], negative[place] = one.activities, one.positive, one.negative
    return Contacts(activities, positive, negative, _open(rows, issues, days, until))


def _open(rows: dict[int, int], issues: Sequence[OpenIssue], days: _Days, until: datetime) -> Floats:
    """How many were open at the end of each day, NaN before an account's first; one that ended after `until` was open
    all the same."""
    found = np.full((len(rows), days.count), np.nan)
    for issue in issues:
        first = max(days.column(issue.opened.astimezone(UTC).date()), 0)
        closed = issue.ended is not None and issue.ended <= until
        end = days.column(issue.ended.astimezone(UTC).date()) if closed and issue.ended else days.count
        row = found[rows[issue.account_id]]
        row[first:] = np.nan_to_num(row[first:], nan=0.0)
        row[first : max(end, 0)] += 1
    return found
