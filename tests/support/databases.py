"""A fresh database per test: a copy of a template that the real migrations built once per session."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from cs_ml.store.database import Database
from cs_ml.store.migrations import runner
from tests.support.postgres import PostgresServer


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
