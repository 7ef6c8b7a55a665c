"""50 processes accept one suggestion at the same instant, on SQLite and on PostgreSQL: one CTA, 50 equal answers.

`python -m benchmarks.ctas [--processes 50]` prints text and JSON lines; what is judged is how many CTAs there are.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from sqlalchemy import func, select

from benchmarks.harness import Result, show
from cs_ml.store.database import Database
from cs_ml.store.tables import CTA, AuditEvent, CTATask
from tests.services.work.crowd import accept_at_once
from tests.support.databases import build_schema, postgres_database, sqlite_url
from tests.support.factories import SUGGESTED, add_account, add_playbook, add_prediction, add_tenant
from tests.support.postgres import PostgresUnavailableError, postgres_for_tests

PROCESSES = 50
STEPS = (0, 3, 7)


def run(processes: int) -> Iterator[Result]:
    with TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "bench.db")
        yield from _measure(url, processes)
        try:
            with postgres_for_tests(Path(folder)) as server, postgres_database(server) as url:
                yield from _measure(url, processes)
        except PostgresUnavailableError as error:
            print(f"no figures for PostgreSQL: {error}", file=sys.stderr)


def _measure(url: str, processes: int) -> Iterator[Result]:
    build_schema(url)
    database = Database(url)
    now = datetime.now(UTC)
    actor = add_tenant(database, "bench")
    account_id = add_account(database, actor)
    playbook = add_playbook(database, actor, *STEPS)
    add_prediction(
        database,
        actor,
        account_id,
        category="high",
        probability=0.7,
        valid_until=now + timedelta(days=30),
        suggested_cta={**SUGGESTED, "playbookId": playbook},
    )
    began = perf_counter()
    answers = accept_at_once(url, actor, account_id, processes)
    taken = perf_counter() - began
    with database.read(actor) as scope:
        ctas, tasks, audits = (
            int(scope.execute(select(func.count(entity.id))).scalar() or 0) for entity in (CTA, CTATask, AuditEvent)
        )
    database.close()
    same, created = len({answer[:2] for answer in answers}), sum(answer[2] for answer in answers)
    print(
        f"{database.dialect}: {len(answers)} answers, {same} different, {created} made it; {ctas} CTA, {tasks} tasks, "
        f"{audits} audit entries; {taken:.1f} s with the start of {processes} processes",
        file=sys.stderr,
    )
    assert (len(answers), same, created, tasks, audits) == (processes, 1, 1, len(STEPS), 1)
    name = f"CTAs after {processes} concurrent accepts, {database.dialect}"
    yield Result(name=name, ours=ctas, floor=1, unit="CTAs", goal=1.0, judged="ratio")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    results = list(show(run(parser.parse_args().processes)))
    sys.exit(0 if all(result.met for result in results) else 1)
