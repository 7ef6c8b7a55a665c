"""The schema of the database: made, brought up to date, and judged."""

from dataclasses import dataclass

from cs_ml.domain.errors import Invalid
from cs_ml.store.database import Database
from cs_ml.store.migrations.runner import versions
from cs_ml.store.migrations.schema import Addition, DatabaseRole, SchemaStore, SqliteHabits

BEHIND = "SCHEMA_BEHIND"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseReport:
    """`adopted`: tables that were there before us. `guarded_by_door_alone`: no forced row-level policy guards them.

    `role` is None on SQLite, `sqlite` on PostgreSQL. `warnings` are sentences.
    """

    kind: str
    version: str
    adopted: list[str]
    guarded_by_door_alone: list[str]
    role: DatabaseRole | None
    sqlite: SqliteHabits | None
    warnings: list[str]


class DatabaseService:
    """`database` is that of the runtime role, except for `upgrade`: that one needs the role that owns the tables."""

    def __init__(self, database: Database) -> None:
        self._schema = SchemaStore(database)

    def upgrade(self) -> list[Addition]:
        """Adds what is missing and answers it; nothing where the schema is current. Raises Invalid on a conflict."""
        version = self._schema.version()
        if version is not None and version not in versions():
            raise _newer(version)
        return self._schema.upgrade()

    def check(self) -> DatabaseReport:
        """Raises Invalid where the product cannot work on this database."""
        version = _require_current(self._schema)
        if missing := self._schema.missing():
            raise Invalid(
                f"The database says that its schema is current, but it lacks {', '.join(missing)}. "
                "Restore what somebody removed, for instance from a backup.",
                code=BEHIND,
            )
        role = self._schema.role()
        return DatabaseReport(
            kind=self._schema.dialect,
            version=version,
            adopted=self._schema.adopted(),
            guarded_by_door_alone=self._schema.guarded_by_door_alone(),
            role=role,
            sqlite=self._schema.sqlite_habits(),
            warnings=_warnings(role),
        )

    def indexes(self) -> list[str]:
        """SQL for an administrator of an adopted CRM: the indexes that its tables lack."""
        _require_current(self._schema)
        return self._schema.index_statements()

    def grants(self, role: str | None) -> list[str]:
        """SQL that lets `role` (default: the runtime role) work with the tables."""
        _require_current(self._schema)
        current = self._schema.role()
        if current is None:
            raise Invalid("SQLite has no roles, so there is nothing to grant.")
        return self._schema.grant_statements(role or current.name)


def prepare(database: Database) -> None:
    """Gives a new SQLite file its schema; every other database must have it already.

    Raises Invalid, with what to do, where the schema is missing or not of this release.
    """
    schema = SchemaStore(database)
    if schema.dialect == "sqlite" and schema.is_empty():
        schema.upgrade()
    _require_current(schema)


def _require_current(schema: SchemaStore) -> str:
    version, known = schema.version(), versions()
    if version == known[-1]:
        return version
    if version is None:
        raise Invalid("The database has no tables of CS ML yet. Run `cs-ml db upgrade`.", code=BEHIND)
    if version not in known:
        raise _newer(version)
    raise Invalid(
        f"The database's schema is at {version}, this release needs {known[-1]}. Run `cs-ml db upgrade`.", code=BEHIND
    )


def _newer(version: str) -> Invalid:
    return Invalid(
        f"The database's schema is at {version}, which this release does not know. Use the release that made it.",
        code="SCHEMA_NEWER",
    )


def _warnings(role: DatabaseRole | None) -> list[str]:
    if role is None:
        return []
    too_much = {
        "is a superuser": role.superuser,
        "has BYPASSRLS": role.bypasses_row_security,
        "owns the tables": role.owner,
    }
    return [
        f"The runtime role {role.name} {what}. Give CS_ML_DATABASE_URL a role of its own (`cs-ml db grants`)."
        for what, so in too_much.items()
        if so
    ]
