"""Runs the revisions: one at a time, all or nothing, in a transaction that `Database.migration` opened.

Alembic is imported where it is needed only: every start asks for the version, and Alembic takes a quarter of a second.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table

from cs_ml.store.migrations.queue import create_queue, drop_queue

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "SchemaVersion"
_HERE = Path(__file__).parent


def upgrade(connection: Connection) -> None:
    """Brings the schema to the newest revision, and the job queue; does nothing where they are there already."""
    from alembic import command

    command.upgrade(_config(connection), "head")
    create_queue(connection)


def downgrade(connection: Connection) -> None:
    """Takes back everything that `upgrade` added, with the data in it. What was there before stays."""
    from alembic import command

    drop_queue(connection)
    command.downgrade(_config(connection), "base")


def current_version(connection: Connection) -> str | None:
    """The revision that the database is at, or None where it has none of our schema."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))


def versions() -> list[str]:
    """Every revision of this release, oldest first: `r0001_baseline.py` is 0001."""
    return sorted(file.stem[1:5] for file in (_HERE / "versions").glob("r*.py"))


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
