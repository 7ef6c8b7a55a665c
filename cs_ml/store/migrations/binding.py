"""Keys that hold the tenant: the database itself refuses a row that points at a row of another tenant.

A foreign key of two columns would need a unique key on the parent, which may be a CRM's table, and on SQLite every
table built anew. A trigger does the same on both, and tells a foreign parent in the words for a missing one. Only
tables that we made get one.
"""

from collections.abc import Collection

from sqlalchemy import Connection, ForeignKey, MetaData, Table, text

from cs_ml.domain.errors import Invalid

# A parent without a tenant of its own: its column that tells it, and the table behind.
_THROUGH = {"SalesPipelineStage": ("pipelineId", "Pipeline")}
_REFUSAL = "FOREIGN KEY constraint failed"  # SQLite's own words for a parent that is missing

_FUNCTION = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN wrong := {added}; ELSE wrong := {changed}; END IF;
    IF wrong THEN
        RAISE foreign_key_violation USING MESSAGE = {message};
    END IF;
    RETURN NEW;
END $$
"""
_ON_POSTGRESQL = """
CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF {columns} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()
"""
_ON_SQLITE = """
CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {rule} BEGIN SELECT RAISE(ABORT, {message}); END
"""
_FORCED = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relforcerowsecurity
"""


def bind(connection: Connection, tables: MetaData, made: Collection[str]) -> None:
    """Binds the tables of ours among `tables`. Raises Invalid where rows of today break the rule."""
    binder, bound = _Binder(connection), _bound(tables, made)
    binder.require_kept(bound)
    for table in bound:
        binder.bind(table)


def unbind(connection: Connection, tables: MetaData, made: Collection[str]) -> None:
    """Takes back what `bind` made."""
    for table in _bound(tables, made):
        name = f"{table.name}_tenant"
        if connection.dialect.name == "postgresql":
            _run(connection, f'DROP FUNCTION "{name}"() CASCADE')
        else:
            _run(connection, f'DROP TRIGGER IF EXISTS "{name}_added"')
            _run(connection, f'DROP TRIGGER "{name}_changed"')


class _Binder:
    """The SQL of one database. Names are our own, and the schema's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._postgresql = connection.dialect.name == "postgresql"
        self._differs = "IS DISTINCT FROM" if self._postgresql else "IS NOT"
        self._forced = set(connection.scalars(text(_FORCED))) if self._postgresql else set()
        # Written out, so that a restore, which looks in no schema at all, finds the parents too.
        schema = connection.scalar(text("SELECT quote_ident(current_schema())")) if self._postgresql else None
        self._prefix = f"{schema}." if schema else ""

    def require_kept(self, bound: Collection[Table]) -> None:
        hidden = [table.name for table in bound if table.name in self._forced]
        for name in hidden:
            _run(self._connection, f'ALTER TABLE "{name}" NO FORCE ROW LEVEL SECURITY')
        if self._postgresql:
            _run(self._connection, "SET LOCAL row_security = off")  # a policy would hide rows in silence
        broken = [each for table in bound for key in _keys(table) if (each := self._broken(table, key))]
        if self._postgresql:
            _run(self._connection, "SET LOCAL row_security = on")
        for name in hidden:
            _run(self._connection, f'ALTER TABLE "{name}" FORCE ROW LEVEL SECURITY')
        if broken:
            raise Invalid(
                f"Rows of this database belong to two tenants at once: {', '.join(broken)}. "
                "Correct or remove them, then upgrade. Nothing was changed.",
                code="SCHEMA_CONFLICT",
            )

    def bind(self, table: Table) -> None:
        home, keys = _home(table), _keys(table)
        missing = {key.parent.name: f"({self._missing(key, 'NEW')})" for key in keys}
        moved = [f"{self._changes(name)} AND {rule}" for name, rule in missing.items()]
        rules = {
            "added": " OR ".join(missing.values()) or "false",
            "changed": " OR ".join([self._changes(home), *moved]),
        }
        columns = ", ".join(f'"{name}"' for name in (home, *missing))
        name = f"{table.name}_tenant"
        if self._postgresql:
            message = f"'a row of {table.name} points at a row that is not there'"
            filled = {"name": f'"{name}"', "columns": columns, "table": f'"{table.name}"', "message": message}
            _run(self._connection, _FUNCTION.format(**filled, **rules))
            _run(self._connection, _ON_POSTGRESQL.format(**filled))
            return
        events = {"added": "INSERT", "changed": f"UPDATE OF {columns}"}
        for kind in rules if missing else ("changed",):
            filled = {"name": f'"{name}_{kind}"', "table": f'"{table.name}"', "message": f"'{_REFUSAL}'"}
            _run(self._connection, _ON_SQLITE.format(**filled, event=events[kind], rule=rules[kind]))

    def _changes(self, column: str) -> str:
        return f'NEW."{column}" {self._differs} OLD."{column}"'

    def _missing(self, key: ForeignKey, row: str) -> str:
        """Whether `row` names a parent that its tenant does not have."""
        parent, column = key.column.table, f'{row}."{key.parent.name}"'
        source, tenant = f'{self._prefix}"{parent.name}" AS parent', 'parent."tenantId"'
        if parent.name in _THROUGH:
            through, over = _THROUGH[parent.name]
            source += f' JOIN {self._prefix}"{over}" AS home ON home."id" = parent."{through}"'
            tenant = 'home."tenantId"'
        found = f'SELECT 1 FROM {source} WHERE parent."id" = {column} AND {tenant} = {row}."tenantId"'  # noqa: S608 - our own names only
        return f"{column} IS NOT NULL AND NOT EXISTS ({found})"

    def _broken(self, table: Table, key: ForeignKey) -> str | None:
        counting = f'SELECT count(*) FROM "{table.name}" AS child WHERE {self._missing(key, "child")}'  # noqa: S608 - our own names only
        count = self._connection.scalar(text(counting))
        return f"{count} of {table.name}.{key.parent.name}" if count else None


def _bound(tables: MetaData, made: Collection[str]) -> list[Table]:
    """The tables of `made` that point at a tenant's rows, and those that are pointed at."""
    keys = {table: _keys(table) for table in tables.sorted_tables}
    parents = {key.column.table.name for found in keys.values() for key in found}
    parents |= {over for _, over in _THROUGH.values()}
    return [table for table, found in keys.items() if table.name in made and (found or table.name in parents)]


def _home(table: Table) -> str:
    """The column that says whose a row is. It never changes."""
    return _THROUGH[table.name][0] if table.name in _THROUGH else "tenantId"


def _keys(table: Table) -> list[ForeignKey]:
    """The foreign keys from a tenant's rows to a tenant's rows, in the order of the columns."""
    if "tenantId" not in table.columns:
        return []
    keys = (key for column in table.columns for key in column.foreign_keys)
    return [key for key in keys if _home(key.column.table) in key.column.table.columns]


def _run(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))
