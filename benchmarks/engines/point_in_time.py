"""Does the past stay as it was? Predictions of random past dates, before and after all that came later is deleted.

`python -m benchmarks.engines.point_in_time DIR [--accounts 50] [--json]` imports a bundle into a scratch
database, takes random accounts and dates, and computes context and prediction. In a copy of the database every row
after the date is deleted, everything without history is rewritten, stored quantiles are dropped, and both are computed
again. Exit code 1 unless all are equal.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from cs_ml.domain.actor import Actor
from cs_ml.domain.context import AccountContext
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.context import ContextService
from cs_ml.services.importing import ImportService
from cs_ml.services.llm.chain import EngineChain
from cs_ml.services.predicting.answers import prediction_answer
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from cs_ml.store.tables import Account, AccountHealthScoreHistory, CRMActivity
from tests.services.predictions.past import forget_after, rewrite_undated
from tests.support.databases import build_schema, sqlite_url

SLUG = "bench"
Answer = tuple[AccountContext, dict[str, Any]]


@dataclass(frozen=True, order=True)
class Case:
    """One account at the end of one day."""

    at: datetime
    account_id: int


def main() -> None:
    arguments = _arguments()
    with TemporaryDirectory() as folder:
        compared = compare(arguments.bundle, Path(folder), arguments.accounts, arguments.seed)
    differing = [case for case, equal in compared if not equal]
    total, same = len(compared), len(compared) - len(differing)
    dates = len({case.at for case, _ in compared})
    if arguments.json:
        print(json.dumps({"cases": total, "equal": same, "dates": dates, "seed": arguments.seed}))
    else:
        print(f"{same} of {total} equal, over {dates} dates")
        for case in differing:
            print(f"  account {case.account_id} at {case.at:%Y-%m-%d} differs", file=sys.stderr)
    sys.exit(1 if differing or not compared else 0)


def compare(bundle: Path, folder: Path, accounts: int, seed: int) -> Sequence[tuple[Case, bool]]:
    """Each case, and whether it was answered alike with and without what came later."""
    whole, later_gone = folder / "whole.db", folder / "later_gone.db"
    now = datetime.now(UTC)
    build_schema(sqlite_url(whole))
    with _opened(whole) as database:
        ImportService(database, lambda: now).import_new_tenant(SLUG, SLUG, bundle)
        actor = _actor(database)
        cases = _cases(database, actor, accounts, Random(seed))
        before = {case: _answer(database, actor, case, now) for case in cases}
    shutil.copyfile(whole, later_gone)
    after: dict[Case, Answer] = {}
    with _opened(later_gone) as database:
        for at, together in groupby(sorted(cases, reverse=True), key=lambda case: case.at):  # newest first
            forget_after(database, actor, at)
            rewrite_undated(database, actor, at)
            after |= {case: _answer(database, actor, case, now) for case in together}
    return [(case, before[case] == after[case]) for case in cases]


@contextmanager
def _opened(file: Path) -> Iterator[Database]:
    database = Database(sqlite_url(file))
    try:
        yield database
    finally:
        database.close()


def _actor(database: Database) -> Actor:
    with database.identity() as identity:
        tenant = identity.find_tenant(SLUG)
    assert tenant is not None
    return Actor.system(tenant.id)


def _cases(database: Database, actor: Actor, accounts: int, rng: Random) -> Sequence[Case]:
    """Random accounts, each at a random day between its first and the tenant's newest fact."""
    newest_health = AccountHealthScoreHistory.calculated_at
    newest_activity = CRMActivity.completed_at
    with database.read(actor) as scope:
        starts = scope.execute(select(Account.id, Account.created_at).order_by(Account.id)).all()
        found = [
            scope.execute(select(at).where(at.is_not(None)).order_by(at.desc()).limit(1)).scalar()
            for at in (newest_health, newest_activity)
        ]
    until = max(at for at in found if at is not None).date()
    known = [row for row in starts if row.created_at.date() < until]
    chosen = rng.sample(known, min(accounts, len(known)))
    return [
        Case(_end_of(row.created_at + timedelta(days=rng.randrange((until - row.created_at.date()).days))), row.id)
        for row in chosen
    ]


def _end_of(at: datetime) -> datetime:
    return datetime.combine(at.date(), time(23, 59, 59, 999_000), UTC)


def _answer(database: Database, actor: Actor, case: Case, now: datetime) -> Answer:
    def clock() -> datetime:
        return now

    engines = [RulesEngine(default_scorecard())]
    predictions = PredictionService(database, clock, EngineChain(engines), PredictionLimit(0))
    context = ContextService(database, clock).gather_context(actor, case.account_id, case.at)
    return context, prediction_answer(predictions.predict(actor, case.account_id, as_of=case.at))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="a folder of CSV files, or a zip of one")
    parser.add_argument("--accounts", type=int, default=50, help="how many accounts are taken")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of accounts and dates")
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
