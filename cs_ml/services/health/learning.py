"""How far health scores move at a tenant: learned once a week from its accounts' past months, and stored."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta

import numpy as np

from cs_ml.domain.actor import Actor
from cs_ml.domain.health.insights import FORECAST_DAYS, JUDGED_WITHIN
from cs_ml.domain.health.reference import HealthReference
from cs_ml.engines.health.forecast import Months, learn
from cs_ml.engines.health.panel import PANEL_DAYS, Panel, outcomes_after, panel_of, states_at
from cs_ml.services.health.derived import derived_scores
from cs_ml.store.database import Database
from cs_ml.store.history.scores import HealthScoreRepository, ScoreColumns

LEARNED_DAYS = 365
EVERY_DAYS = 15  # from one position of an account to the next
ENDED_DAYS = FORECAST_DAYS + JUDGED_WITHIN.days  # after so many days a position's outcome is known
MOST_ACCOUNTS = 1_000  # evenly drawn; more make the figures no surer, and a week's first forecast slower
_DAYS = PANEL_DAYS + LEARNED_DAYS + ENDED_DAYS


def health_reference_at(database: Database, actor: Actor, at: datetime, now: datetime) -> HealthReference:
    """The reference of the last Monday not after `at`; learned and stored where it is missing."""
    monday = datetime.combine(at.date() - timedelta(days=at.weekday()), time.min, at.tzinfo)
    everyone = Actor.system(actor.tenant_id)  # what is usual is the tenant's, whatever accounts the actor sees
    with database.read(everyone) as scope:
        repository = HealthScoreRepository(scope)
        stored = repository.find_reference(monday)
        if stored is not None:
            return stored
        panel = read_panel(repository, monday, days=_DAYS, most=MOST_ACCOUNTS)
    reference = learn(list(_months(panel)), monday)
    with database.write(everyone) as scope:
        HealthScoreRepository(scope).save_reference(reference, now)
    return reference


def read_panel(repository: HealthScoreRepository, until: datetime, *, days: int, most: int) -> Panel:
    """The overall scores of the `days` before `until`, derived where the CRM has sent none; of `most` accounts."""
    since = until - timedelta(days=days)
    derived = not repository.any_before(until)
    ids = (repository.active if derived else repository.scored)(since, until)
    ids = ids[:: max(1, -(-len(ids) // most))]
    if derived:
        scores = derived_scores(repository, ids, until, days=days).overall
        rows, columns = np.nonzero(np.isfinite(scores))
        return panel_of(rows, columns, scores[rows, columns], shape=scores.shape)
    return _panel(repository.columns(ids, since, until), ids, until, days)


def _panel(columns: ScoreColumns, ids: Sequence[int], until: datetime, days: int) -> Panel:
    rows = np.searchsorted(np.asarray(ids, dtype=np.int64), np.asarray(columns.accounts, dtype=np.int64))
    ages = np.fromiter(((until - at).days for at in columns.at), dtype=np.int64, count=len(columns.at))
    return panel_of(rows, days - 1 - ages, np.asarray(columns.scores, dtype=float), shape=(len(ids), days))


def _months(panel: Panel) -> Iterator[Months]:
    """The positions of the year that is over: each ended within the panel."""
    last = panel.days - 1 - ENDED_DAYS
    for day in range(last, max(last - LEARNED_DAYS, 0), -EVERY_DAYS):
        yield Months.of(states_at(panel, day), outcomes_after(panel, day))
