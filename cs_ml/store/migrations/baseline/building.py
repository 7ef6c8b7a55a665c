"""The steps of the first revision: add what is missing, note what was added, take back only that."""

from collections.abc import Collection, Iterable

from sqlalchemy import Column, Connection, Table, insert, inspect, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.base import PGInspector

from cs_ml.domain.errors import Invalid
from cs_ml.store.migrations.baseline import accounts, audit, health, jobs, learning, own, truth, work
from cs_ml.store.migrations.baseline.words import LABELS, METADATA

_PARTS = (accounts, work, own, health, truth, audit, learning, jobs)  # importing them fills METADATA
_NOTES = METADATA.tables["SchemaAddition"]

# A CRM without churn dates tells no more than that the account is gone, and when its row was last touched.
_NOTE_CHURNED = """
INSERT INTO "ChurnEvent" ("tenantId", "accountId", "churnedAt", "approximate")
SELECT "tenantId", "id", "updatedAt", true FROM "Account" WHERE "type" = 'CHURNED' OR "archived"
"""


def tables_present(connection: Connection) -> frozenset[str]:
    """The tables that are there already. Raises Invalid where one has a name that we need for ourselves."""
    present = all_tables(connection)
    taken = sorted(name for name, table in METADATA.tables.items() if table.info["own"] and name in present)
    if taken:
        raise _conflict(f"it has other tables that are called {', '.join(taken)}, names that CS ML needs for its own.")
    return present


def all_tables(connection: Connection) -> frozenset[str]:
    return frozenset(inspect(connection).get_table_names())


def tables_made(connection: Connection) -> frozenset[str]:
    """The tables that were noted as ours."""
    return frozenset(connection.scalars(select(_NOTES.c.name).where(_NOTES.c.kind == "table")))


def create_notes(connection: Connection) -> None:
    """The table that says what was added, so that nothing else is ever taken back."""
    _NOTES.create(connection, checkfirst=False)
    _note(connection, "table", [("", _NOTES.name)])


def create_types(connection: Connection) -> None:
    """Adds the PostgreSQL types that are missing. Raises Invalid where one lacks labels that we write."""
    inspector = inspect(connection)
    if not isinstance(inspector, PGInspector):
        return
    there = {found["name"]: found["labels"] for found in inspector.get_enums()}
    for name, labels in LABELS.items():
        if missing := [label for label in labels.split() if label not in there.get(name, labels.split())]:
            additions = " ".join(f"""ALTER TYPE "{name}" ADD VALUE '{label}';""" for label in missing)
            raise _conflict(f"its type {name} lacks {', '.join(missing)}. Its administrator may run: {additions}")
    new = LABELS.keys() - there.keys()
    for name in sorted(new):
        postgresql.ENUM(*LABELS[name].split(), name=name).create(connection, checkfirst=False)
    _note(connection, "type", [("", name) for name in new])


def create_tables(connection: Connection, present: Collection[str]) -> list[Table]:
    """Adds the missing tables with their indexes; answers them."""
    created = [table for table in METADATA.sorted_tables if table is not _NOTES and table.name not in present]
    for table in created:
        table.create(connection, checkfirst=False)
    _note(connection, "table", [("", table.name) for table in created])
    return created


def add_columns(connection: Connection, present: Collection[str]) -> None:
    """Adds the columns that tables of before lack: without default, key or index, so the CRM cannot tell."""
    inspector = inspect(connection)
    for table in (table for table in METADATA.sorted_tables if table.name in present):
        there = {column["name"] for column in inspector.get_columns(table.name)}
        missing = [column for column in table.columns if column.name not in there]
        if needed := [column.name for column in missing if not column.nullable]:
            raise _conflict(f"its table {table.name} lacks {', '.join(needed)}, which CS ML cannot do without.")
        for column in missing:
            _run(connection, f"ALTER TABLE {_quoted(connection, table.name)} ADD COLUMN {_bare(connection, column)}")
        _note(connection, "column", [(table.name, column.name) for column in missing])


def note_churned_accounts(connection: Connection) -> None:
    """Accounts that the CRM calls churned or archived become churn events of an approximate date."""
    if connection.dialect.name == "postgresql":
        _run(connection, "SET LOCAL row_security = off")  # a policy would hide accounts in silence; so it is an error
    _run(connection, _NOTE_CHURNED)
    if connection.dialect.name == "postgresql":
        _run(connection, "SET LOCAL row_security = on")


def remove_additions(connection: Connection) -> None:
    """Drops the columns, tables and types that were noted, and nothing else."""
    noted = {(row.kind, row.table, row.name) for row in connection.execute(select(_NOTES))}
    for _, table, column in sorted(note for note in noted if note[0] == "column"):
        _run(connection, f"ALTER TABLE {_quoted(connection, table)} DROP COLUMN {_quoted(connection, column)}")
    for each in reversed(METADATA.sorted_tables):
        if ("table", "", each.name) in noted:
            each.drop(connection, checkfirst=False)
    for _, _, name in sorted(note for note in noted if note[0] == "type"):
        _run(connection, f"DROP TYPE {_quoted(connection, name)}")


def _conflict(reason: str) -> Invalid:
    return Invalid(f"CS ML cannot be added to this database: {reason} Nothing was changed.", code="SCHEMA_CONFLICT")


def _note(connection: Connection, kind: str, names: Iterable[tuple[str, str]]) -> None:
    if rows := [{"kind": kind, "table": table, "name": name} for table, name in names]:
        connection.execute(insert(_NOTES), rows)


def _bare(connection: Connection, column: Column[object]) -> str:
    return f"{_quoted(connection, column.name)} {column.type.compile(connection.dialect)}"


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def _run(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))
