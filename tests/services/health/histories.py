"""A tenant with health scores of many accounts, and one account with all dimensions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from cs_ml.domain.actor import Actor
from cs_ml.store.database import Database
from cs_ml.store.tables import AccountHealthScoreHistory
from tests.support.factories import NOW, add_account

WEIGHTS = {"usage": 0.4, "support": 0.25, "engagement": 0.2, "sentiment": 0.15}


def add_scores(
    database: Database, actor: Actor, account_id: int, scores: Sequence[int], *, until: datetime = NOW
) -> None:
    """Weekly overall scores, the last one at `until`."""
    rows = [
        _row(account_id, until - timedelta(weeks=len(scores) - 1 - week), {"overall": score})
        for week, score in enumerate(scores)
    ]
    with database.write(actor) as scope:
        scope.insert(AccountHealthScoreHistory, rows)


def add_crowd(database: Database, actor: Actor, accounts: int = 12, weeks: int = 50) -> list[int]:
    """Accounts whose weekly scores wander; enough months to learn from."""
    rng = np.random.default_rng(3)
    found = []
    for number in range(accounts):
        account_id = add_account(database, actor, name=f"Crowd {number}")
        path = np.clip(np.round(60 + np.cumsum(rng.normal(0, 3, weeks))), 0, 100)
        add_scores(database, actor, account_id, [int(score) for score in path])
        found.append(account_id)
    return found


def add_measured(database: Database, actor: Actor, account_id: int, days: int = 400, seed: int = 1) -> None:
    """Scores every few days with dimensions that wander, one sometimes missing; the whole is rounded by itself."""
    rng = np.random.default_rng(seed)
    levels = dict.fromkeys(WEIGHTS, 60.0)
    rows, day = [], float(days)
    while day >= 0:
        levels = {name: float(np.clip(level + rng.normal(0, 4), 0, 100)) for name, level in levels.items()}
        overall = sum(WEIGHTS[name] * level for name, level in levels.items()) + rng.normal(0, 1.5)
        scores = {name: round(level) for name, level in levels.items()}
        if rng.random() < 0.2:
            del scores["sentiment"]
        rows.append(
            _row(account_id, NOW - timedelta(days=day), {"overall": round(float(np.clip(overall, 0, 100))), **scores})
        )
        day -= rng.uniform(1, 9)
    with database.write(actor) as scope:
        scope.insert(AccountHealthScoreHistory, rows)


def _row(account_id: int, at: datetime, scores: dict[str, int]) -> dict[str, object]:
    columns = {f"{name}Score": scores.get(name) for name in ("overall", "usage", "support", "engagement", "sentiment")}
    return {"accountId": account_id, "category": "AT_RISK", "calculatedAt": at, "createdAt": at, **columns}
