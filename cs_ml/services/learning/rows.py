"""Judged windows of the past with what was known at their start: what models learn from."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta

import numpy as np

from cs_ml.domain.actor import Actor
from cs_ml.engines.learned.features import Measures, measures
from cs_ml.engines.learned.selection import TrainingRows
from cs_ml.engines.scorecard import Scorecard
from cs_ml.services.clock import Moment
from cs_ml.services.predicting.scoring import Scene, read_scenes
from cs_ml.services.truth.validation import complete_until
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database
from cs_ml.store.history.references import ReferenceRepository
from cs_ml.store.learning.models import ModelRepository
from cs_ml.store.learning.outcomes import OutcomeRepository

# Where only churn dates are known, windows begin every third of their length, at most so many of them back.
_PER_WINDOW, _MOST_DAYS = 3, 12
MOST_ROWS = 60_000  # the newest ones
_CHUNK = 500
_EVERYBODY = 10_000_000

Asked = Mapping[datetime, Mapping[int, bool]]  # instant -> account -> whether it churned in the window


def judged_windows(database: Database, actor: Actor, window_days: int, known_by: datetime) -> Asked:
    """What is known of past windows at `known_by`: nothing dated later counts, and every window had ended by then.

    Windows judged by an import begin where it says; others at even steps back from where churn is complete.
    """
    window = timedelta(days=window_days)
    with database.read(actor) as scope:
        complete = min(complete_until(scope, known_by), known_by)
        newest = ReferenceRepository(scope).newest_fact(known_by)
        judged = ModelRepository(scope).judged_days(window_days, known_by - window)
        everyone = AccountRepository(scope).list_ids(limit=_EVERYBODY)
    days = {_end_of(at) for at in judged if _end_of(at) + window <= known_by}
    days |= set(_steps(min(complete, newest or complete), window_days, known_by))
    found: dict[datetime, dict[int, bool]] = {}
    count = 0
    for at in sorted(days, reverse=True):
        if count >= MOST_ROWS:
            break
        with database.read(actor) as scope:
            outcomes = OutcomeRepository(scope)
            for start in range(0, len(everyone), _CHUNK):
                ids = everyone[start : start + _CHUNK]
                verdicts = outcomes.verdicts(ids, at, window_days, known_by=known_by, complete=complete)
                known = {one.account_id: one.churned for one in verdicts.values() if one.churned is not None}
                found.setdefault(at, {}).update(known)
        count += len(found.get(at, {}))
    return found


def _end_of(at: datetime) -> datetime:
    return datetime.combine(at.date(), time(23, 59, 59, 999000), at.tzinfo)


def _steps(complete: datetime, window_days: int, known_by: datetime) -> Iterator[datetime]:
    """None where nobody records churn (complete since 1970)."""
    window, step = timedelta(days=window_days), timedelta(days=max(window_days // _PER_WINDOW, 1))
    at = _end_of(complete - window - timedelta(days=1))
    for number in range(_MOST_DAYS):
        begin = at - number * step
        if begin.year > 1970 and begin + window <= known_by:
            yield begin


def read_rows(
    database: Database,
    actor: Actor,
    asked: Asked,
    *,
    window_days: int,
    scorecard: Scorecard,
    now: datetime,
    unknown_too: bool = False,
) -> TrainingRows:
    """The rows of those windows, in order of date and account; without accounts of which nothing was known then, unless
    `unknown_too`."""
    accounts: list[int] = []
    starts: list[datetime] = []
    churned: list[float] = []
    seen: list[Measures] = []
    for at, outcomes in sorted(asked.items()):
        for scene in scenes_at(database, actor, sorted(outcomes), at, now, unknown_too=unknown_too):
            account_id = scene.context.profile.account_id
            accounts.append(account_id)
            starts.append(at)
            churned.append(float(outcomes[account_id]))
            seen.append(measures(scene.context, scene.reference, scorecard))
    return TrainingRows(
        accounts=accounts, as_of=starts, churned=np.array(churned), measures=seen, window_days=window_days
    )


def scenes_at(
    database: Database,
    actor: Actor,
    account_ids: Sequence[int],
    at: datetime,
    now: datetime,
    *,
    unknown_too: bool = False,
) -> Iterator[Scene]:
    """With the long view, of accounts of which anything at all was known then."""
    for start in range(0, len(account_ids), _CHUNK):
        chunk = account_ids[start : start + _CHUNK]
        for scene in read_scenes(database, actor, chunk, Moment(at, live=at >= now), now, signals=True).values():
            known = scene.context
            if unknown_too or known.profile.customer_since or known.history.first_at or known.health:
                yield scene
