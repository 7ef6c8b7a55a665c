"""The four checks of pytest-alembic, revision by revision, on both databases and with rows in their tables."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest
import pytest_alembic
from pytest_alembic import Config, MigrationContext
from pytest_alembic import tests as checks
from pytest_alembic.plugin.error import AlembicTestFailure
from sqlalchemy import Connection, func, inspect, select, table, text

from cs_ml.store.database import Database
from cs_ml.store.migrations import runner
from tests.support.databases import postgres_database, sqlite_url

AT = datetime(2026, 6, 30, 12)  # noqa: DTZ001 - as the tables hold it
TENANT = "tenant-acme"
# What was there when the second revision came; the library adds them by the tables as it finds them.
ROWS = (
    {"__tablename__": "Tenant", "id": TENANT, "name": "Acme", "slug": "acme", "updatedAt": AT},
    {
        "__tablename__": "User",
        "id": 1,
        "name": "Ada",
        "email": "ada@example.com",
        "passwordHash": "!",
        "timezone": "UTC",
        "updatedAt": AT,
    },
    {"__tablename__": "Account", "id": 1, "tenantId": TENANT, "name": "Initech", "ownerId": 1, "updatedAt": AT},
    {
        "__tablename__": "Account",
        "id": 2,
        "tenantId": TENANT,
        "name": "Initech East",
        "ownerId": 1,
        "parentAccountId": 1,
        "updatedAt": AT,
    },
    {"__tablename__": "ChurnEvent", "tenantId": TENANT, "accountId": 2, "churnedAt": AT, "approximate": True},
)

# SQLite's expression indexes cannot be read back: test_migrations looks at that one itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index"),
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based"),
]


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """To a database without any table, in a transaction as `cs-ml db upgrade` opens it."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = sqlite_url(tmp_path / "empty.db")
        else:
            url = stack.enter_context(postgres_database(request.getfixturevalue("postgres_server")))
        database = Database(url)
        stack.callback(database.close)
        yield stack.enter_context(database.migration())


@pytest.fixture
def migrations(connection: Connection) -> Iterator[MigrationContext]:
    """The library's runner over our own environment."""
    config = Config(alembic_config=runner._config(connection), at_revision_data={"0001": list(ROWS)})
    with pytest_alembic.runner(config, connection) as opened:
        yield opened


def counts(connection: Connection) -> list[int]:
    """Rows of each of the tables that ROWS names."""
    names = dict.fromkeys(str(row["__tablename__"]) for row in ROWS)
    return [connection.scalar(select(func.count()).select_from(table(name))) or 0 for name in names]


def test_single_head_revision(migrations: MigrationContext) -> None:
    checks.test_single_head_revision(migrations)
    assert migrations.heads == runner.versions()[-1:]


def test_upgrade(migrations: MigrationContext, connection: Connection) -> None:
    checks.test_upgrade(migrations)
    assert runner.current_version(connection) == runner.versions()[-1]
    assert counts(connection) == [1, 1, 2, 1]


def test_up_down_consistency(migrations: MigrationContext, connection: Connection) -> None:
    checks.test_up_down_consistency(migrations)
    assert runner.current_version(connection) == runner.versions()[-1]  # up, down, and up again
    migrations.migrate_down_to("0001")
    assert counts(connection) == [1, 1, 2, 1]
    migrations.migrate_down_to("base")
    assert inspect(connection).get_table_names() == [runner.VERSION_TABLE]


def test_model_definitions_match_ddl(migrations: MigrationContext, connection: Connection) -> None:
    checks.test_model_definitions_match_ddl(migrations)
    assert counts(connection) == [1, 1, 2, 1]
    connection.execute(text('ALTER TABLE "CTATask" ADD COLUMN "other" TEXT'))
    with pytest.raises(AlembicTestFailure, match="out of sync"):
        checks.test_model_definitions_match_ddl(migrations)
