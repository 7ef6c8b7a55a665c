"""What a service asks of the database, counted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from cs_ml.store.database import Database

# The frame of a transaction; what is asked inside of it counts.
_FRAME = ("BEGIN", "SELECT set_config", "ROLLBACK", "COMMIT")


@contextmanager
def statements(database: Database) -> Iterator[Sequence[str]]:
    """The texts of the statements that run inside; BEGIN and the setting behind row-level policies apart."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(_FRAME):
            seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
