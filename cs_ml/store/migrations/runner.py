"""Runs the revisions: one at a time, all or nothing, in a transaction that `Database.migration` opened."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

VERSION_TABLE = "SchemaVersion"


def upgrade(connection: Connection) -> None:
    """Brings the schema to the newest revision; does nothing where it is there already."""
    command.upgrade(_config(connection), "head")


def downgrade(connection: Connection) -> None:
    """Takes back everything that `upgrade` added, with the data in it. What was there before stays."""
    command.downgrade(_config(connection), "base")


def current_version(connection: Connection) -> str | None:
    """The revision that the database is at, or None where it has none of our schema."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


@cache
def versions() -> tuple[str, ...]:
    """Every revision of this release, newest first."""
    return tuple(script.revision for script in ScriptDirectory(str(Path(__file__).parent)).walk_revisions())


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
