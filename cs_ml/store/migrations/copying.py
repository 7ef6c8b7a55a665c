"""Copies of an embedded database, whole and while others write: by SQLite's own backup."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import make_url

from cs_ml.domain.errors import Invalid
from cs_ml.store.migrations.runner import VERSION_TABLE, versions

_PAGES = 2_000  # of one step; others may write between two steps
_WAIT_S = 10.0


def backup(url: str, file: Path) -> int:
    """Writes a copy of the database into a new file; answers its bytes. Raises Invalid."""
    source = _file_of(url)
    if file.exists():
        raise Invalid(f"{file} exists already: name a new file.", fields={"file": "a new file"})
    with _opened(source, "ro") as live, _opened(file, "rwc") as copy:
        live.backup(copy, pages=_PAGES)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
        _require_sound(copy, file)
    return file.stat().st_size


def restore(url: str, file: Path, *, overwrite: bool) -> int:
    """Puts the copy in the database's place, in one transaction; answers its bytes. Raises Invalid.

    A database that holds anything is replaced only on `overwrite`.
    """
    target = _file_of(url)
    if not file.is_file():
        raise Invalid(f"There is no file {file}.", fields={"file": "a file that `cs-ml backup` wrote"})
    with _opened(file, "ro") as copy:
        _require_sound(copy, file)
        with _opened(target, "rwc") as live:
            if _tables(live) and not overwrite:
                raise Invalid(
                    f"{target} holds data already. `--overwrite` replaces it; back it up first.",
                    fields={"overwrite": "to be given"},
                )
            copy.backup(live)
            _require_sound(live, target)
    return file.stat().st_size


def _file_of(url: str) -> Path:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise Invalid(
            "This verb is for an SQLite file. For PostgreSQL use pg_dump and pg_restore (docs/operations.md)."
        )
    return Path(parsed.database)


@contextmanager
def _opened(file: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        address = f"{file.resolve().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(address, uri=True, timeout=_WAIT_S, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise Invalid(f"{file} cannot be read or written as a database: {error}.") from error


def _require_sound(connection: sqlite3.Connection, file: Path) -> None:
    """Whole, of ours, and of a schema that this release knows."""
    faults = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    if faults != ["ok"]:
        raise Invalid(f"{file} is damaged: {faults[0]}.")
    if VERSION_TABLE not in _tables(connection):
        raise Invalid(f"{file} is no database of CS ML.")
    version = connection.execute(f'SELECT version_num FROM "{VERSION_TABLE}"').fetchone()  # noqa: S608
    if version is None or version[0] not in versions():
        raise Invalid(f"{file} was made by another release. Use that one.", code="SCHEMA_NEWER")


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
