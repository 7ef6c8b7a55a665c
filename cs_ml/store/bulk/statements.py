"""Statements for the driver itself, with positional parameters: what `executemany` runs fastest."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Dialect, Table, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite

Prepared = tuple[str, Sequence[str]]  # the statement, and the names of its parameters in order


@cache
def insert_sql(table: Table, names: tuple[str, ...], dialect: str) -> Prepared:
    """INSERT of the columns `names` and tenantId."""
    return _prepared(insert(table).inline().values(_parameters({*names, "tenantId"})), dialect)


@cache
def update_sql(table: Table, names: tuple[str, ...], dialect: str) -> Prepared:
    """UPDATE of the columns `names` of the row with `id` and tenantId."""
    mine = (table.c.id == bindparam("id"), table.c.tenantId == bindparam("tenantId"))
    return _prepared(update(table).where(*mine).values(_parameters({*names} - {"id", "tenantId"})), dialect)


def _parameters(names: set[str]) -> dict[str, BindParameter[Any]]:
    return {name: bindparam(name) for name in names}


def _prepared(statement: Any, dialect: str) -> Prepared:
    compiled = statement.compile(dialect=_positional(dialect))
    return str(compiled), compiled.positiontup


def _positional(dialect: str) -> Dialect:
    """The dialect by name, with positional parameters, which psycopg does not have by default."""
    if dialect == "sqlite":
        return sqlite.dialect()
    return postgresql.psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
