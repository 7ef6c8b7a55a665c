"""The revisions on an empty database: complete, repeatable, reversible, and safe among several processes."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError, SAWarning

from cs_ml.domain.errors import CsMlError, Invalid
from cs_ml.services.databases import DatabaseService, prepare
from cs_ml.store.database import Database
from cs_ml.store.migrations import binding, runner
from cs_ml.store.migrations.baseline import building
from cs_ml.store.migrations.baseline.words import METADATA
from cs_ml.store.migrations.schema import SchemaStore
from cs_ml.store.tables import Account, Base, CRMActivity
from tests.support.databases import postgres_database, sqlite_url
from tests.support.factories import add_account, add_activity, add_cta, add_opportunity, add_prediction, add_tenant

HAPPENED = "CRMActivity_tenantId_accountId_happenedAt_idx"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "sqlite":
        database = Database(sqlite_url(tmp_path / "empty.db"))
        yield database
        database.close()
        return
    with postgres_database(request.getfixturevalue("postgres_server")) as url:
        database = Database(url)
        yield database
        database.close()


def differences(database: Database) -> list[Any]:
    with database.engine.connect() as connection, warnings.catch_warnings():
        # SQLite's expression indexes cannot be read back; the test below looks at that one itself.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based", UserWarning)
        options = {"version_table": runner.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def test_the_migrated_schema_is_the_mapped_one(database: Database) -> None:
    """A difference means: write the same change into a revision (before the first release: into the baseline)."""
    assert differences(database) == []


def test_a_difference_would_be_seen(database: Database) -> None:
    with database.migration() as connection:
        connection.execute(text('ALTER TABLE "CTATask" ADD COLUMN "other" TEXT'))
        connection.execute(text('DROP INDEX "CTA_tenantId_accountId_status_idx"'))
    assert {difference[0] for difference in differences(database)} == {"remove_column", "add_index"}


def test_constraints_and_indexes_are_called_what_prisma_calls_them(database: Database) -> None:
    inspector = inspect(database.engine)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
        for table in Base.metadata.sorted_tables:
            wanted = {key.name for key in table.foreign_key_constraints}
            assert {key["name"] for key in inspector.get_foreign_keys(table.name)} == wanted
            indexes = {index.name for index in table.indexes} - {HAPPENED}
            found = {index["name"] for index in inspector.get_indexes(table.name)}
            assert indexes <= found
    keys = {key["name"] for key in inspector.get_foreign_keys("Account")}
    assert keys == {"Account_tenantId_fkey", "Account_ownerId_fkey", "Account_parentAccountId_fkey"}
    assert inspector.get_pk_constraint("Account")["name"] == "Account_pkey"


def test_the_timeline_of_an_account_reads_its_index(database: Database) -> None:
    explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    query = """SELECT "id" FROM "CRMActivity" WHERE "tenantId" = 'a' AND "accountId" = 1
        AND coalesce("completedAt", "scheduledAt", "createdAt") > '2026-01-01'"""
    with database.engine.connect() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(str(row) for row in connection.execute(text(f"{explain} {query}")))
    assert HAPPENED in plan


def test_enumerations_are_native_on_postgresql(empty: Database) -> None:
    DatabaseService(empty).upgrade()
    type_of = "SELECT udt_name FROM information_schema.columns WHERE table_name = 'Account' AND column_name = 'type'"
    if empty.dialect == "postgresql":
        with empty.engine.connect() as connection:
            assert connection.scalar(text(type_of)) == "AccountType"


def test_up_down_and_up_again_with_rows(empty: Database) -> None:
    service = DatabaseService(empty)
    added = service.upgrade()
    fill(empty)
    with empty.migration() as connection:
        runner.downgrade(connection)
    assert tables(empty) == {runner.VERSION_TABLE}
    if empty.dialect == "postgresql":
        with empty.engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM pg_type WHERE typtype = 'e'")) == 0
    assert service.upgrade() == added
    assert differences(empty) == []
    fill(empty)


def test_a_database_of_an_older_clone_gets_what_it_lacks(empty: Database) -> None:
    service = DatabaseService(empty)
    service.upgrade()
    with empty.migration() as connection:
        binding.unbind(connection, METADATA, building.tables_made(connection))
        connection.execute(text('DROP TABLE "JudgedOutcome"'))
        connection.execute(text('ALTER TABLE "AccountMLPrediction" DROP COLUMN "rawProbability"'))
        connection.execute(text("""DELETE FROM "SchemaAddition" WHERE "name" = 'JudgedOutcome'"""))
        connection.execute(text("""UPDATE "SchemaVersion" SET version_num = '0001'"""))
    added = service.upgrade()
    assert {addition.name for addition in added} == {"JudgedOutcome", "rawProbability"}
    assert differences(empty) == []
    if empty.dialect == "postgresql":
        assert "JudgedOutcome" not in SchemaStore(empty).guarded_by_door_alone()


def fill(database: Database) -> None:
    actor = add_tenant(database, "acme")
    parent = add_account(database, actor)
    account = add_account(database, actor, parent_account_id=parent)
    cta = add_cta(database, actor, account)
    add_activity(database, actor, account, opportunity_id=add_opportunity(database, actor, account))
    add_prediction(database, actor, account, generated_cta_id=cta)


def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    actor = add_tenant(database)
    add_account(database, actor)
    before = tables(database)
    assert DatabaseService(database).upgrade() == []
    assert tables(database) == before
    with database.read(actor) as scope:
        assert len(scope.execute(select(Account.id)).all()) == 1


def test_deleting_an_account_takes_its_rows_along(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    add_activity(database, actor, account)
    with database.migration() as connection:
        connection.execute(text('DELETE FROM "Tenant"'))
    with database.read(actor) as scope:
        assert scope.execute(select(Account.id)).all() == scope.execute(select(CRMActivity.id)).all() == []


def test_one_import_reference_is_one_activity(database: Database) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    add_activity(database, actor, account, external_source="mail", external_id="7")
    add_activity(database, actor, account, external_source="mail")
    add_activity(database, actor, account, external_source="mail")
    with pytest.raises(IntegrityError):
        add_activity(database, actor, account, external_source="mail", external_id="7")


def test_versions_are_what_alembic_knows() -> None:
    script = ScriptDirectory(str(Path(runner.__file__).parent))
    assert runner.versions() == [each.revision for each in reversed(list(script.walk_revisions()))]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "empty.db")
        return
    with postgres_database(request.getfixturevalue("postgres_server")) as url:
        yield url


def start(url: str, *words: str) -> subprocess.Popen[str]:
    program = f"from cs_ml.cli import main; main({list(words)!r})"
    environment = {**os.environ, "CS_ML_DATABASE_URL": url}
    return subprocess.Popen([sys.executable, "-c", program], env=environment, text=True, stdout=-1, stderr=-1)


def test_three_processes_may_upgrade_at_once(empty_url: str) -> None:
    processes = [start(empty_url, "db", "upgrade") for _ in range(3)]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], answers
    assert sum(output.startswith("Created") for output, _ in answers) == 1
    database = Database(empty_url)
    assert differences(database) == []
    database.close()


def test_a_failed_upgrade_leaves_nothing_behind(empty: Database) -> None:
    with empty.migration() as connection:
        connection.execute(text('CREATE TABLE "ChurnEvent" ("id" INTEGER)'))
    with pytest.raises(Invalid, match="ChurnEvent"):
        DatabaseService(empty).upgrade()
    assert tables(empty) == {"ChurnEvent"}


def test_a_new_sqlite_file_gets_its_tables(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "new.db"))
    prepare(database)
    assert differences(database) == []
    database.close()


@pytest.mark.parametrize(
    ("version", "sentence"),
    [(None, "Run `cs-ml db upgrade`"), ("9999", "Use the release that made it")],
)
def test_another_schema_is_refused_with_what_to_do(database: Database, version: str | None, sentence: str) -> None:
    with database.migration() as connection:
        connection.execute(text('DELETE FROM "SchemaVersion"'))
        if version:
            connection.execute(text('INSERT INTO "SchemaVersion" VALUES (:version)'), {"version": version})
    for refused in (lambda: prepare(database), DatabaseService(database).check, DatabaseService(database).indexes):
        with pytest.raises(Invalid, match=sentence):
            refused()


def test_an_older_schema_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cs_ml.services.databases.versions", lambda: [*runner.versions(), "9999"])
    with pytest.raises(Invalid, match=r"needs 9999. Run `cs-ml db upgrade`"):
        prepare(database)


def test_what_somebody_removed_is_named(database: Database) -> None:
    with database.migration() as connection:
        connection.execute(text('DROP TABLE "CTATask"'))
        connection.execute(text('ALTER TABLE "Account" DROP COLUMN "website"'))
    with pytest.raises(Invalid, match=r"lacks CTATask, Account.website\."):
        DatabaseService(database).check()


def test_a_database_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "no such folder" / "x.db"))
    with pytest.raises(CsMlError, match="The database refused"):
        SchemaStore(database).version()
    database.close()
