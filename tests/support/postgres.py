"""One PostgreSQL server for a run of the tests, shared by its processes and gone when the last of them ends."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.support.source import ROOT

STATE = "server.json"  # {"url", "version"} of a server that is up
USERS_LOCK = "users.lock"  # held shared by whoever uses the server


class PostgresUnavailableError(Exception):
    """No server could be had; the message says what was tried."""


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """A server on which the tests may make databases. `version` is the major version, e.g. 15."""

    url: str  # SQLAlchemy's, of a database that is always there
    version: int

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Makes a database, a copy of `template` if given (nobody may be connected to that), and returns its URL."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
            if self.version >= 15:
                statement += sql.SQL(" STRATEGY = file_copy")  # no write-ahead log: a tenth of the time
        self._run(statement)
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop_database(self, name: str) -> None:
        """Removes a database if it exists, with whatever is still connected to it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(_libpq(make_url(self.url)), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres_for_tests(shared: Path) -> Iterator[PostgresServer]:
    """The server of `TEST_DATABASE_URL` if that is set, else one of our own.

    `shared` is a folder that all processes of this run have in common. Raises `PostgresUnavailableError`.
    """
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield _given(url)
        return
    with (shared / USERS_LOCK).open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (shared / "start.lock").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not (shared / STATE).exists():
                _start(shared)
        yield PostgresServer(**json.loads((shared / STATE).read_text()))


def _given(url: str) -> PostgresServer:
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    try:
        with psycopg.connect(_libpq(parsed), connect_timeout=10) as connection:
            version = connection.info.server_version // 10_000
    except psycopg.OperationalError as error:
        raise PostgresUnavailableError(f"TEST_DATABASE_URL cannot be reached: {error}") from error
    return PostgresServer(url=parsed.render_as_string(hide_password=False), version=version)


def _start(shared: Path) -> None:
    """Lets a keeper start the server; it stays behind and stops the server when nobody holds the users' lock."""
    command = [sys.executable, "-m", "tests.support.postgres_keeper", str(shared)]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True, check=False
    )
    if done.returncode:
        raise PostgresUnavailableError(done.stderr.strip())


def _libpq(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
