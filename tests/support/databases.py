"""A fresh database per test: a copy of a template that the real migrations built once per session."""

import shutil
from collections.abc import Hashable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Dialect, Engine, event, make_url
from sqlalchemy.util import LRUCache

from cs_ml.store.database import Database
from cs_ml.store.migrations import runner
from tests.support.postgres import PostgresServer

_STATEMENTS = 4000  # more than the tests of one process ever have


class _Compiled(MutableMapping[tuple[Any, ...], Any]):
    """Compiled statements by the kind of database, where an engine's own cache holds them by its dialect object."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[Hashable, ...], Any] = LRUCache(_STATEMENTS)

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        return self._kept[_shared(key)]

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._kept[_shared(key)] = compiled

    def __delitem__(self, key: tuple[Any, ...]) -> None:
        del self._kept[_shared(key)]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def _shared(key: tuple[Any, ...]) -> tuple[Hashable, ...]:
    dialect: Dialect = key[0]
    return (type(dialect), *key[1:])


def share_compiled_statements() -> None:
    """From now on all engines of this process share what they compile, as all requests of an app do.

    Every test has a database, and so an engine, of its own: compiling anew took most of the time of some tests.
    """
    compiled = _Compiled()

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)

    event.listen(Engine, "engine_connect", share)


def build_schema(url: str) -> None:
    """Everything that `cs-ml db upgrade` makes."""
    database = Database(url)
    with database.migration() as connection:
        runner.upgrade(connection)
    database.close()


@contextmanager
def postgres_database(server: PostgresServer, *, template: str | None = None) -> Iterator[str]:
    """The URL of a new database, dropped at the end: empty, or a copy of the database named `template`."""
    name = f"cs_ml_{uuid4().hex}"
    try:
        yield server.create_database(name, template=template)
    finally:
        server.drop_database(name)


@contextmanager
def postgres_template(server: PostgresServer) -> Iterator[str]:
    """The name of a migrated PostgreSQL database to copy from."""
    with postgres_database(server) as url:
        build_schema(url)
        yield make_url(url).database or ""


def sqlite_url(file: Path) -> str:
    return f"sqlite:///{file}"


def sqlite_template(folder: Path) -> Path:
    """A migrated SQLite file to copy from; closed, so that nothing of it is left in a journal."""
    file = folder / "template.db"
    build_schema(sqlite_url(file))
    return file


def sqlite_copy(template: Path, folder: Path) -> str:
    """The URL of a copy of `template` in `folder`."""
    return sqlite_url(Path(shutil.copyfile(template, folder / "test.db")))
