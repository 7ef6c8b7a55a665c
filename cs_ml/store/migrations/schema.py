"""What a database is like: its schema against ours, and the SQL that is left to an administrator.

Tables that were there before us (an adopted CRM's) are never indexed, guarded or granted by us.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Index, Table, inspect, select, text
from sqlalchemy.engine import Inspector
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex

from cs_ml.domain.errors import CsMlError
from cs_ml.store.database import QUEUE_SCHEMA, Database
from cs_ml.store.migrations import runner
from cs_ml.store.tables import Base, schema_addition

# Read before a tenant is known, so no policy can guard them.
_IDENTITY = frozenset({"TenantUser", "MembershipScope", "SignInSession"})
_ADD_ONLY = frozenset({"AuditEvent"})
_OF_TENANT = frozenset({"SalesPipelineStage", "PlaybookTask", "CTATask"})  # through their parents

_GUARDED = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
AND relrowsecurity AND relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = pg_class.oid)
"""
_ROLE = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
_OWNED = """
SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tableowner = current_user
AND tablename = 'SchemaAddition'
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Addition:
    """Something that a migration added. `kind`: table, type or column; `table` is empty unless it is a column."""

    kind: str
    table: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseRole:
    """The PostgreSQL role of the connection. A superuser, an owner or BYPASSRLS is more than the product needs."""

    name: str
    superuser: bool
    bypasses_row_security: bool
    owner: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SqliteHabits:
    """What each connection to an SQLite file has switched on."""

    foreign_keys: bool
    journal_mode: str
    busy_timeout_ms: int


class SchemaStore:
    """The schema of one database. Every refusal of the database becomes a CsMlError with its first line."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect

    def version(self) -> str | None:
        with self._reading() as connection:
            return runner.current_version(connection)

    def is_empty(self) -> bool:
        """Whether there is no table at all, as in a file that was just made."""
        with self._reading() as connection:
            return not inspect(connection).get_table_names()

    def upgrade(self) -> list[Addition]:
        """Runs what is left of the revisions; answers what they added."""
        with _refusals(), self._database.migration() as connection:
            before = _additions(connection)
            runner.upgrade(connection)
            added = _additions(connection) - before
        return sorted(added, key=lambda addition: (addition.kind, addition.table, addition.name))

    def missing(self) -> list[str]:
        """Tables and columns that the product needs and that are not there, e.g. `Account` or `Account.name`."""
        with self._reading() as connection:
            found = inspect(connection).get_multi_columns(filter_names=list(Base.metadata.tables))
        there = {name: {column["name"] for column in columns} for (_, name), columns in found.items()}
        tables = Base.metadata.sorted_tables
        columns = (column for table in tables if table.name in there for column in table.columns)
        return [
            *(table.name for table in tables if table.name not in there),
            *(f"{each.table.name}.{each.name}" for each in columns if each.name not in there[each.table.name]),
        ]

    def adopted(self) -> list[str]:
        """The tables of ours that were there before us."""
        with self._reading() as connection:
            return [table.name for table in _adopted(connection)]

    def guarded_by_door_alone(self) -> list[str]:
        """Tables with a tenant's rows that no forced row-level policy guards: store/scope.py is their only guard."""
        tables = [table.name for table in Base.metadata.sorted_tables if _holds_tenant_rows(table)]
        if self.dialect != "postgresql":
            return tables
        with self._reading() as connection:
            guarded = set(connection.scalars(text(_GUARDED)))
        return [name for name in tables if name not in guarded]

    def role(self) -> DatabaseRole | None:
        """None on SQLite."""
        if self.dialect != "postgresql":
            return None
        with self._reading() as connection:
            name, superuser, bypasses = connection.execute(text(_ROLE)).one()
            owner = bool(connection.scalar(text(_OWNED)))
        return DatabaseRole(name=name, superuser=superuser, bypasses_row_security=bypasses, owner=owner)

    def sqlite_habits(self) -> SqliteHabits | None:
        """None on PostgreSQL."""
        if self.dialect != "sqlite":
            return None
        with self._reading() as connection:
            foreign_keys, mode, timeout = (
                connection.scalar(text(f"PRAGMA {name}")) for name in ("foreign_keys", "journal_mode", "busy_timeout")
            )
        return SqliteHabits(foreign_keys=bool(foreign_keys), journal_mode=str(mode), busy_timeout_ms=int(timeout or 0))

    def index_statements(self) -> list[str]:
        """SQL for the indexes that adopted tables lack. Not unique ones: a CRM's rows may not allow them."""
        if self.dialect != "postgresql":
            return []
        with self._reading() as connection:
            inspector = inspect(connection)
            return [
                _concurrently(connection, index)
                for table in _adopted(connection)
                for index in sorted(table.indexes, key=lambda index: str(index.name))
                if not index.unique and not _is_there(inspector, table, index)
            ]

    def grant_statements(self, role: str) -> list[str]:
        """SQL that lets `role` work: everything on our rows, no deletion of a CRM's."""
        with self._reading() as connection:
            quoted = connection.dialect.identifier_preparer.quote_identifier
            schema = quoted(str(connection.scalar(text("SELECT current_schema()"))))
            adopted = [table.name for table in _adopted(connection)]
            sequences = _sequences(connection)
        notes = [runner.VERSION_TABLE, schema_addition.name]
        own = [name for name in Base.metadata.tables if name not in {*adopted, *notes, *_ADD_ONLY}]
        grants = [
            ("USAGE ON SCHEMA", [schema, QUEUE_SCHEMA]),
            ("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA", [QUEUE_SCHEMA]),
            ("USAGE ON ALL SEQUENCES IN SCHEMA", [QUEUE_SCHEMA]),
            ("SELECT ON", map(quoted, notes)),
            ("SELECT, INSERT, UPDATE, DELETE ON", map(quoted, own)),
            ("SELECT, INSERT ON", map(quoted, sorted(_ADD_ONLY))),
            ("USAGE ON SEQUENCE", sequences),
        ]
        if adopted:
            grants.append(("SELECT, INSERT, UPDATE ON", map(quoted, adopted)))
        return [f"GRANT {right} {', '.join(names)} TO {quoted(role)};" for right, names in grants]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _refusals(), self._database.engine.connect() as connection:
            yield connection


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        raise CsMlError(f"The database refused; nothing was changed. It says: {reason}", code="DATABASE") from error


def _additions(connection: Connection) -> set[Addition]:
    if not inspect(connection).has_table(schema_addition.name):
        return set()
    rows = connection.execute(select(schema_addition))
    return {Addition(kind=row.kind, table=row.table, name=row.name) for row in rows}


def _adopted(connection: Connection) -> list[Table]:
    made = {addition.name for addition in _additions(connection) if addition.kind == "table"}
    return [table for table in Base.metadata.sorted_tables if table.name not in made]


def _holds_tenant_rows(table: Table) -> bool:
    return table.name in _OF_TENANT or ("tenantId" in table.columns and table.name not in _IDENTITY)


def _is_there(inspector: Inspector, table: Table, index: Index) -> bool:
    """By name, or by columns under another name."""
    there = inspector.get_indexes(table.name)
    wanted = [getattr(part, "name", None) for part in index.expressions]
    return any(found["name"] == index.name or found["column_names"] == wanted for found in there)


def _concurrently(connection: Connection, index: Index) -> str:
    statement = str(CreateIndex(index, if_not_exists=True).compile(dialect=connection.dialect))
    return statement.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1) + ";"


def _sequences(connection: Connection) -> list[str]:
    """Those that give our tables' rows their ids, quoted, as the columns' defaults name them."""
    inspector = inspect(connection)
    columns = (column for name in Base.metadata.tables for column in inspector.get_columns(name))
    defaults = [column["default"] or "" for column in columns]
    return [default.split("'")[1] for default in defaults if default.startswith("nextval(")]
