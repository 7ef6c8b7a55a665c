"""The import against the driver: the rows that it wrote, through plain `executemany` into the same tables and indexes.

`python -m benchmarks.importing` prints text and JSON lines; on PostgreSQL too where a server can be had. Memory is the
peak of a process of its own that imports a million activities.
"""

import argparse
import csv
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import psycopg

from benchmarks.harness import Result, show
from cs_ml.services.importing import ImportService
from cs_ml.store.database import Database
from cs_ml.store.tables import (
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountSnapshot,
    CRMActivity,
    ExternalRef,
    JudgedOutcome,
    Tenant,
    User,
)
from tests.support.databases import build_schema, postgres_database, sqlite_url
from tests.support.postgres import PostgresUnavailableError, postgres_for_tests

SEED = 20260331
RATIO_GOAL = 4.0  # times the driver's seconds: a quarter of its speed
MEMORY_GOAL_MB = 512.0
ROUNDS = 3
CHUNK = 5_000
LAST_DAY = date(2026, 3, 31)
TABLES = (Account, AccountFact, ExternalRef, AccountHealthScoreHistory, CRMActivity, JudgedOutcome, AccountSnapshot)

Rows = Sequence[tuple[Any, ...]]


def run(rows: int, memory_rows: int) -> Iterator[Result]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_bundle(folder / "speed", activities=rows)
        yield _speed(folder, "sqlite", lambda number: nullcontext(sqlite_url(folder / f"{number}.db")))
        try:
            with postgres_for_tests(folder) as server:
                yield _speed(folder, "postgresql", lambda _: postgres_database(server))
        except PostgresUnavailableError as error:
            print(f"no figures for PostgreSQL: {error}")
        write_bundle(folder / "memory", activities=memory_rows)
        _, megabytes = _imported(sqlite_url(folder / "memory.db"), folder / "memory")
        yield Result(
            name=f"import of {memory_rows:,} activities, peak memory",
            ours=megabytes,
            floor=None,
            unit="MB",
            goal=MEMORY_GOAL_MB,
            judged="ours",
        )


def _speed(folder: Path, dialect: str, database: Callable[[str], Any]) -> Result:
    """Import and floor take turns, each into a database of its own."""
    ours, floor, total = [], [], 0
    for number in range(ROUNDS):
        with database(f"ours{number}") as source, database(f"floor{number}") as target:
            seconds, _ = _imported(source, folder / "speed")
            ours.append(seconds)
            taken, total = _driver_seconds(source, target)
            floor.append(taken)
    per_row = 1e6 / total
    return Result(
        name=f"import of {total:,} rows, {dialect}",
        ours=median(ours) * per_row,
        floor=median(floor) * per_row,
        unit="us a row",
        goal=RATIO_GOAL,
        judged="ratio",
    )


def _imported(url: str, bundle: Path) -> tuple[float, float]:
    """Seconds of the import into a new tenant, and the peak memory in MB of the process that did it."""
    build_schema(url)
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(import_once, (url, bundle))


def import_once(url: str, bundle: Path) -> tuple[float, float]:
    """In a process of its own."""
    database = Database(url)
    start = perf_counter()
    ImportService(database, lambda: datetime.now(UTC)).import_new_tenant("bench", "Bench", bundle)
    seconds = perf_counter() - start
    database.close()
    return seconds, _peak_megabytes()


def _peak_megabytes() -> float:
    """The most memory that this process ever held; `getrusage` would count that of its parent too."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the peak of memory is read from /proc, which this system lacks")


def _driver_seconds(source: str, target: str) -> tuple[float, int]:
    """Seconds that the driver alone takes to write the rows of `source` into `target`, and their number."""
    build_schema(target)
    with closing(_connect(source)) as read, closing(_connect(target)) as written:
        for needed in (Tenant, User):
            for names, rows in _chunks(read, needed):
                _execute(written, needed, names, rows)
        written.commit()
        seconds, total = 0.0, 0
        for table in TABLES:
            for names, rows in _chunks(read, table):
                start = perf_counter()
                _execute(written, table, names, rows)
                seconds += perf_counter() - start
                total += len(rows)
        start = perf_counter()
        written.commit()
        return seconds + perf_counter() - start, total


def _connect(url: str) -> Any:
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///"))
    return psycopg.connect(url.replace("+psycopg", ""))


def _chunks(connection: Any, table: Any) -> Iterator[tuple[list[str], Rows]]:
    """Rows of a table in the columns that hold anything, as text where PostgreSQL has a type that Python lacks."""
    cursor = connection.cursor()
    source, all_names = f'"{table.__tablename__}"', [f'"{column.name}"' for column in table.__table__.columns]
    counts = ", ".join(f"count({name})" for name in all_names)
    cursor.execute(f"SELECT {counts} FROM {source}")  # noqa: S608  names of our own tables
    names = [name for name, count in zip(all_names, cursor.fetchone(), strict=True) if count]
    as_text = "" if isinstance(connection, sqlite3.Connection) else "::text"
    values = ", ".join(name + as_text for name in names)
    cursor.execute(f"SELECT {values} FROM {source}")  # noqa: S608  names of our own tables
    while rows := cursor.fetchmany(CHUNK):
        yield names, rows


def _execute(connection: Any, table: Any, names: Sequence[str], rows: Rows) -> None:
    marks = ", ".join(["?" if isinstance(connection, sqlite3.Connection) else "%s"] * len(names))
    target = f'"{table.__tablename__}" ({", ".join(names)})'
    connection.cursor().executemany(f"INSERT INTO {target} VALUES ({marks})", rows)  # noqa: S608  our own names


def write_bundle(folder: Path, *, activities: int) -> None:
    """A bundle with two activities to each health score, 500 activities to each account, in order of date."""
    folder.mkdir()
    generator = random.Random(SEED)
    accounts = max(1, activities // 500)
    refs = [f"A-{number:06d}" for number in range(accounts)]
    _write(folder / "accounts.csv", "account_ref,name,segment,industry,arr,currency,plan,start_date", _accounts(refs))
    _write(folder / "outcomes.csv", "account_ref,as_of,window_days,churned", _outcomes(refs))
    _write(folder / "health_history.csv", "account_ref,date,overall_score,usage_score,support_score,engagement_score",
           _health(generator, refs, activities // 2 // accounts))  # fmt: skip
    _write(folder / "activities.csv", "account_ref,date,type,direction,sentiment,subject,quantity,amount",
           _activities(generator, refs, activities))  # fmt: skip


def _write(path: Path, header: str, rows: Iterator[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(header + "\r\n")
        csv.writer(stream).writerows(rows)


def _accounts(refs: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for number, ref in enumerate(refs):
        yield ref, f"Customer {number}", "enterprise", "Software", 1000 + number, "USD", "pro", "2020-01-01"


def _outcomes(refs: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for number, ref in enumerate(refs):
        yield ref, "2025-12-31", 90, number % 10 // 9


def _health(generator: random.Random, refs: Sequence[str], points: int) -> Iterator[tuple[object, ...]]:
    for ref in refs:
        for days in range(points, 0, -1):
            scores = [round(generator.uniform(20, 100), 1) for _ in range(4)]
            yield ref, LAST_DAY - timedelta(days=days), *scores


def _activities(generator: random.Random, refs: Sequence[str], count: int) -> Iterator[tuple[object, ...]]:
    types, sentiments = ("EMAIL", "CALL", "usage_weekly", "order"), ("", "", "positive", "neutral", "negative")
    for number in range(count):
        quantity = generator.randint(1, 400)
        yield (
            generator.choice(refs),
            LAST_DAY - timedelta(days=1_000 - number * 1_000 // count),
            generator.choice(types),
            generator.choice(("inbound", "outbound")),
            generator.choice(sentiments),
            f"{quantity} things of this week, number {number}",
            quantity,
            round(generator.uniform(1, 5_000), 2),
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000, help="activities of the bundle that is timed")
    parser.add_argument("--memory-rows", type=int, default=1_000_000, help="activities of the bundle for memory")
    arguments = parser.parse_args()
    list(show(run(arguments.rows, arguments.memory_rows)))
