"""The context path against the driver: the same statements, the same parameters, every row fetched, in the same run.

`python -m benchmarks.context` prints text and JSON lines; on PostgreSQL too where a server can be had.
"""

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from sqlalchemy import event

from benchmarks.customers import NOW, add_tenant
from benchmarks.harness import Result, Step, medians, show
from cs_ml.domain.actor import Actor
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.context import ContextService
from cs_ml.services.llm.chain import EngineChain
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from tests.support.databases import build_schema, postgres_database, sqlite_url
from tests.support.postgres import PostgresUnavailableError, postgres_for_tests

ACCOUNTS = 1_000
RATIO_GOAL = 3.5
MS_PER_ACCOUNT_GOAL = 1.5
CACHED_STATEMENTS_GOAL = 3
ROUNDS, SET_ROUNDS = 300, 5


def run() -> Iterator[Result]:
    with TemporaryDirectory() as folder:
        for database in _databases(Path(folder)):
            yield from _measure(database)


def _databases(folder: Path) -> Iterator[Database]:
    yield from _opened(sqlite_url(folder / "bench.db"))
    try:
        with postgres_for_tests(folder) as server, postgres_database(server) as url:
            yield from _opened(url)
    except PostgresUnavailableError as error:
        print(f"no figures for PostgreSQL: {error}", file=sys.stderr)


def _opened(url: str) -> Iterator[Database]:
    build_schema(url)
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def _measure(database: Database) -> Iterator[Result]:
    actor, ids = add_tenant(database, "bench", ACCOUNTS)
    if database.dialect == "postgresql":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
    contexts = ContextService(database, lambda: NOW)
    with closing(Floor(database)) as floor:
        yield _one(database, contexts, actor, ids, floor)
        yield _many(database, contexts, actor, ids, floor)
    yield _cached(database, actor, ids[0])


class Floor:
    """Replays on a plain connection of the driver what ours sent."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = _plain_connection(database)

    def replay_of(self, ours: Step) -> Step:
        """The statements of one call of `ours`, as the driver alone would run them in one transaction."""
        statements = sent(self._database, ours)

        def replay() -> None:
            cursor = self._connection.cursor()
            for statement, params in statements:
                cursor.execute(statement, params)
                if cursor.description:
                    cursor.fetchall()
            cursor.close()
            self._connection.commit()  # psycopg would forget its prepared statements at a rollback

        return replay

    def close(self) -> None:
        self._connection.close()


def _plain_connection(database: Database) -> Any:
    url = database.engine.url
    if database.dialect == "sqlite":
        return sqlite3.connect(str(url.database), isolation_level=None)
    return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))


def sent(database: Database, step: Step) -> Sequence[tuple[str, Any]]:
    """Text and parameters of every statement that `step` makes the driver run."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, params: Any, *_rest: Any) -> None:
        statements.append((statement, params))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        step()
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return statements


def _one(database: Database, contexts: ContextService, actor: Actor, ids: Sequence[int], floor: Floor) -> Result:
    def ours() -> object:
        return contexts.gather_context(actor, ids[len(ids) // 2])

    replay = floor.replay_of(ours)
    mine, least = medians(ours, replay, rounds=ROUNDS)
    return Result(
        name=f"gather_context of one account, {database.dialect}",
        ours=mine * 1e3,
        floor=least * 1e3,
        unit="ms",
        goal=RATIO_GOAL,
        judged="ratio",
    )


def _many(database: Database, contexts: ContextService, actor: Actor, ids: Sequence[int], floor: Floor) -> Result:
    def ours() -> object:
        return contexts.gather_contexts(actor, ids)

    replay = floor.replay_of(ours)
    mine, least = medians(ours, replay, rounds=SET_ROUNDS, warm_up=1)
    return Result(
        name=f"gather_contexts, per account of {len(ids)}, {database.dialect}",
        ours=mine * 1e3 / len(ids),
        floor=least * 1e3 / len(ids),
        unit="ms",
        goal=MS_PER_ACCOUNT_GOAL,
        judged="ours",
    )


def _cached(database: Database, actor: Actor, account_id: int) -> Result:
    """Statements of a prediction that is served from the store; BEGIN and the tenant's row-level setting apart."""
    predictions = PredictionService(
        database, lambda: NOW, EngineChain([RulesEngine(default_scorecard())]), PredictionLimit(100)
    )
    predictions.predict(actor, account_id)
    statements = [text for text, _ in sent(database, lambda: predictions.predict(actor, account_id))]
    asked = [text for text in statements if not text.startswith(("BEGIN", "SELECT set_config"))]
    return Result(
        name=f"statements of a cached prediction, {database.dialect}",
        ours=len(asked),
        floor=None,
        unit="statements",
        goal=CACHED_STATEMENTS_GOAL,
        judged="ours",
    )


if __name__ == "__main__":
    list(show(run()))
