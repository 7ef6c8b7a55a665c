"""The tables of the job queue, Procrastinate's own, in a schema of their own: they hold ids, no tenant's data.

On PostgreSQL only. They are no part of a revision: their text comes with the package.
"""

from typing import Any

from sqlalchemy import Connection, inspect, text

from cs_ml.store.database import QUEUE_SCHEMA


def create_queue(connection: Connection) -> None:
    """Makes the queue where it is missing."""
    if connection.dialect.name != "postgresql" or QUEUE_SCHEMA in inspect(connection).get_schema_names():
        return
    from procrastinate.schema import SchemaManager

    connection.execute(text(f"CREATE SCHEMA {QUEUE_SCHEMA}"))
    before = connection.scalar(text("SELECT current_setting('search_path')"))
    _look_in(connection, QUEUE_SCHEMA)
    driver: Any = connection.connection.driver_connection
    driver.execute(SchemaManager.get_schema())  # many statements at once, and % is no placeholder in them
    _look_in(connection, before)


def drop_queue(connection: Connection) -> None:
    """Removes the queue with all that waits in it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"DROP SCHEMA IF EXISTS {QUEUE_SCHEMA} CASCADE"))


def _look_in(connection: Connection, path: str) -> None:
    connection.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})
