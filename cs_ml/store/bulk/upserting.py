"""An upsert of what a SELECT chooses. SQLAlchemy's own INSERT leaves out the filters of a SELECT inside it, and so the
tenant's; here the SELECT is compiled as if it stood alone."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ClauseElement, Executable, Table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal


class UpsertFrom(Executable, ClauseElement):
    """Writes the columns `names` of `table`, or overwrites the row of the same unique `key`."""

    __visit_name__ = "upsert_from"
    _traverse_internals = (  # type: ignore[assignment]
        ("into", InternalTraversal.dp_string),
        ("names", InternalTraversal.dp_string_list),
        ("key", InternalTraversal.dp_string_list),
        ("chosen", InternalTraversal.dp_clauseelement),
    )

    def __init__(self, table: Table, names: Sequence[str], key: Sequence[str], chosen: Any) -> None:
        self.into, self.names, self.key, self.chosen = table.name, list(names), list(key), chosen


@compiles(UpsertFrom)
def _written(element: UpsertFrom, compiler: SQLCompiler, **words: Any) -> str:
    quote = compiler.preparer.quote
    names, key = (", ".join(map(quote, columns)) for columns in (element.names, element.key))
    written = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in element.names if name not in element.key)
    chosen = compiler.process(element.chosen, **words)
    return f"INSERT INTO {quote(element.into)} ({names}) {chosen} ON CONFLICT ({key}) DO UPDATE SET {written}"
