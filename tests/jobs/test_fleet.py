"""Workers in processes of their own on PostgreSQL, as `cs-ml worker` starts them."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from cs_ml.bootstrap import Services, open_services
from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.domain.jobs import MOST_ATTEMPTS, BatchRequest, Job
from cs_ml.domain.predictions import PredictionType
from cs_ml.jobs.fleet import FleetQueue, run_fleet_worker
from cs_ml.settings import Settings
from cs_ml.store.database import Database
from cs_ml.store.tables import Account, AccountMLPrediction, BatchItem
from tests.jobs.nursery import alive, nursery
from tests.support.databases import postgres_database
from tests.support.factories import NOW, add_account, add_tenant
from tests.support.postgres import PostgresServer

PATIENCE_S = 90
CS_ML = Path(sys.executable).with_name("cs-ml")


@pytest.fixture
def url(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[str]:
    with postgres_database(postgres_server, template=migrated_postgres) as made:
        yield made


@pytest.fixture
def services(url: str) -> Iterator[Services]:
    with open_services(Settings(database_url=url)) as opened:
        yield opened


@contextmanager
def worker(url: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [str(CS_ML), "worker", "--concurrency", "2"],
        env={**os.environ, "CS_ML_DATABASE_URL": url},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def waiting(url: str) -> list[tuple[str, int, str | None, bool]]:
    """Task, priority, lock and whether it is for later, of what waits in the queue."""
    database = Database(url)
    with psycopg.connect(database.queue_conninfo()) as connection:
        rows = connection.execute(
            "SELECT args->>'task', priority, queueing_lock, scheduled_at IS NOT NULL FROM procrastinate_jobs "
            "WHERE status = 'todo' ORDER BY id"
        ).fetchall()
    database.close()
    return [(task, priority, lock, later) for task, priority, lock, later in rows]


def test_a_worker_finishes_a_batch_and_stops_when_told(url: str, services: Services) -> None:
    actor = add_tenant(services.database, "acme")
    for number in range(7):
        add_account(services.database, actor, name=f"Account {number}")
    run = services.runs.start(actor, BatchRequest())
    with worker(url) as process:
        until = time.monotonic() + PATIENCE_S
        while services.runs.get(actor, run.id).open and time.monotonic() < until:
            time.sleep(0.2)
        found = services.runs.get(actor, run.id)
        assert (found.state, found.counts.computed) == ("done", 7)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_jobs_wait_by_priority_once_for_a_run_and_for_later_if_so(url: str) -> None:
    queue = FleetQueue(Database(url).queue_conninfo())
    spread = Job(task="spread", tenant_id="t", subject="run", priority=1)
    mend = Job(task="mend", tenant_id="t", subject="run", delay=timedelta(minutes=1))
    single = Job(task="predict", tenant_id="t", subject="run", account_ids=(1,), priority=-3)
    try:
        queue.submit([spread, mend, single])
        queue.submit([spread, mend, single])
    finally:
        queue.close()
    assert waiting(url) == [
        ("spread", 1, "spread/t/run", False),
        ("mend", 0, "mend/t/run", True),
        ("predict", -3, None, False),
        ("predict", -3, None, False),
    ]


def test_without_a_queue_a_worker_says_what_to_do(postgres_server: PostgresServer, services: Services) -> None:
    with postgres_database(postgres_server) as empty:
        database = Database(empty)
        with pytest.raises(Invalid, match="cs-ml db upgrade"):
            run_fleet_worker(database.queue_conninfo(), services.tasks, 1)
        database.close()


def test_the_queue_holds_no_tenants_data(services: Services) -> None:
    """It has no row-level security, so ids are all that may stand in it."""
    actor = add_tenant(services.database, "acme", name="Secret Name")
    add_account(services.database, actor, name="Secret Customer")
    run = services.runs.start(actor, BatchRequest())
    services.tasks.run(Job(task="spread", tenant_id=actor.tenant_id, subject=run.id))
    with psycopg.connect(services.database.queue_conninfo()) as connection:
        rows = connection.execute("SELECT args::text FROM procrastinate_jobs").fetchall()
    assert len(rows) >= 3
    assert "Secret" not in str(rows)
    assert Actor.system(actor.tenant_id).tenant_id in str(rows)


def test_workers_that_are_killed_lose_and_double_nothing(
    url: str, services: Services, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    """Three at work on a job per account; one after the other is killed in the middle of it and replaced."""
    total, kills = (1_000, 50) if at_full_size else (30, 3)
    actor, chance = add_tenant(services.database, "acme"), random.Random(7)
    row = {"ownerId": actor.user_id, "type": "CUSTOMER", "createdAt": NOW, "updatedAt": NOW}
    with services.database.write(actor) as scope:
        scope.insert(Account, [{**row, "name": f"Account {number}"} for number in range(total)])
    run = services.runs.start(actor, BatchRequest(type=PredictionType.HEALTH_TREND))
    with nursery(url) as workers:
        working = [workers.bear() for _ in range(3)]
        for number in range(kills):
            _wait_for(lambda: services.runs.get(actor, run.id).counts.done >= (number + 1) * total // (kills + 2))  # noqa: B023
            victim = working.pop(chance.randrange(3))
            os.kill(victim, signal.SIGKILL)
            working.append(workers.bear())
        _wait_for(lambda: not services.runs.get(actor, run.id).open)
        for worker in working:
            os.kill(worker, signal.SIGTERM)
        _wait_for(lambda: not any(map(alive, working)))
    found = services.runs.get(actor, run.id)
    with services.database.read(actor) as scope:
        answered = scope.execute(select(AccountMLPrediction.account_id)).scalars().all()
        attempts = [each.attempt - each.waits for each in scope.execute(select(BatchItem.attempt, BatchItem.waits))]
    assert (found.state, found.counts.left, found.counts.computed + found.counts.failed) == ("done", 0, total)
    assert set(found.errors) <= {"GAVE_UP"}
    assert len(answered) == len(set(answered)) == found.counts.computed
    assert max(attempts) <= MOST_ATTEMPTS + 1
    assert len(workers.born) == kills + 3
    figure(f"{kills} kills over {total:,} jobs: {total - len(answered)} given up, 0 lost, 0 twice")


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 3 * PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
