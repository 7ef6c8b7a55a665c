"""Backup and restore: whole while others write, on SQLite by the product, on PostgreSQL by its own tools."""

import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, select, text

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.services.databases import DatabaseService, prepare
from cs_ml.store.database import Database
from cs_ml.store.migrations.copying import backup, restore
from cs_ml.store.tables import Account, AccountFact, Base, ChurnEvent
from tests.store.catalog import row_lines, schema_lines
from tests.store.crm import role
from tests.store.tenancy.twins import populate
from tests.support.databases import postgres_database, sqlite_copy, sqlite_url
from tests.support.factories import NOW, add_account, add_churn, add_fact, add_tenant
from tests.support.postgres import PostgresServer
from tests.support.postgres_keeper import installations
from tests.support.requirements import unavailable


@pytest.fixture
def live(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_copy(migrated_sqlite, tmp_path))
    yield database
    database.close()


def address(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def checksum(database: Database) -> str:
    """Of every row of every table."""
    with database.engine.connect() as connection:
        rows = [sorted(map(repr, connection.execute(select(table)))) for table in Base.metadata.sorted_tables]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def write_pairs(database: Database, actor: Actor, stop: threading.Event) -> int:
    """Two rows a transaction, until told to stop: a copy that holds one of them alone is torn."""
    written = 0
    while not stop.is_set():
        with database.write(actor) as scope:
            account = scope.insert_returning_ids(
                Account,
                [
                    {
                        "name": str(written),
                        "type": "CUSTOMER",
                        "ownerId": actor.user_id,
                        "createdAt": NOW,
                        "updatedAt": NOW,
                    }
                ],
            )[0]
            scope.insert(ChurnEvent, [{"accountId": account, "churnedAt": NOW, "approximate": False}])
        written += 1
    return written


def test_a_copy_under_write_load_is_whole(live: Database, tmp_path: Path, figure: Callable[[str], None]) -> None:
    actor, stop = add_tenant(live, "acme"), threading.Event()
    writer = threading.Thread(target=write_pairs, args=(live, actor, stop))
    writer.start()
    try:
        for number in range(5):
            backup(address(live), tmp_path / f"copy{number}.db")
    finally:
        stop.set()
        writer.join()
    counts = []
    for number in range(5):
        copy = Database(sqlite_url(tmp_path / f"copy{number}.db"))
        with copy.read(actor) as scope:
            accounts = len(scope.execute(select(Account.id)).all())
            assert len(scope.execute(select(ChurnEvent.id)).all()) == accounts
        counts.append(accounts)
        prepare(copy)
        copy.close()
    assert counts == sorted(counts)
    figure(f"5 copies while another wrote ({counts[0]} to {counts[-1]} rows): 0 torn")


def test_what_is_restored_is_what_was_backed_up(live: Database, tmp_path: Path) -> None:
    actor = add_tenant(live, "acme")
    populate(live, actor, "Ours", 550_001)
    before, file = checksum(live), tmp_path / "copy.db"
    assert backup(address(live), file) == file.stat().st_size
    add_account(live, actor)
    assert checksum(live) != before
    with pytest.raises(Invalid, match="--overwrite"):
        restore(address(live), file, overwrite=False)
    restore(address(live), file, overwrite=True)  # while the app has the database open
    assert checksum(live) == before

    elsewhere = Database(sqlite_url(tmp_path / "new.db"))
    restore(address(elsewhere), file, overwrite=False)
    assert checksum(elsewhere) == before
    assert DatabaseService(elsewhere).check().warnings == []
    elsewhere.close()


def test_what_is_no_copy_is_refused_and_changes_nothing(live: Database, tmp_path: Path) -> None:
    before = checksum(live)
    good = tmp_path / "good.db"
    backup(address(live), good)
    (tmp_path / "text.db").write_text("no database at all, but long enough to be read as one" * 20)
    (tmp_path / "torn.db").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    other = Database(sqlite_url(tmp_path / "other.db"))
    with other.engine.begin() as connection:
        connection.execute(text("CREATE TABLE x (y)"))
    other.close()
    newer = Database(sqlite_url(tmp_path / "newer.db"))
    restore(address(newer), good, overwrite=False)
    with newer.engine.begin() as connection:
        connection.execute(text("UPDATE \"SchemaVersion\" SET version_num = '9999'"))
    newer.close()
    for name in ("text.db", "torn.db", "other.db", "newer.db", "nowhere.db"):
        with pytest.raises(Invalid):
            restore(address(live), tmp_path / name, overwrite=True)
    with pytest.raises(Invalid, match="exists already"):
        backup(address(live), good)
    with pytest.raises(Invalid, match="pg_dump"):
        backup("postgresql+psycopg://x@/y", tmp_path / "z")
    assert checksum(live) == before


def tool(name: str) -> str:
    found = next((folder / name for folder in installations() if (folder / name).exists()), None)
    return str(found) if found else unavailable(f"{name} is not installed")


def test_a_dump_of_postgresql_keeps_rows_and_guards(
    postgres_server: PostgresServer, migrated_postgres: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """As docs/operations.md says: pg_dump as the owner, roles by hand, pg_restore, `cs-ml db check`."""
    dump = str(tmp_path / "copy.dump")
    with (
        postgres_database(postgres_server, template=migrated_postgres) as url,
        postgres_database(postgres_server) as new,
    ):
        old, restored = Database(url), Database(new)
        actor = add_tenant(old, "acme")
        account = add_account(old, actor)
        add_fact(old, actor, account)
        add_churn(old, actor, account)
        with role(old, DatabaseService(old).grants):
            source, target = (make_url(each).set(drivername="postgresql") for each in (url, new))
            environment = {**os.environ, "PGCONNECT_TIMEOUT": "10"}
            for command in (
                [tool("pg_dump"), "--format=custom", f"--file={dump}", source.render_as_string(hide_password=False)],
                [
                    tool("pg_restore"),
                    "--exit-on-error",
                    f"--dbname={target.render_as_string(hide_password=False)}",
                    dump,
                ],
            ):
                subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
            with old.engine.connect() as one, restored.engine.connect() as two:
                assert schema_lines(one) == schema_lines(two)  # policies, FORCE, grants, all of it
                assert row_lines(one) == row_lines(two)
            granted = DatabaseService(restored).check()
            assert set(granted.guarded_by_door_alone) == set()
            with restored.read(actor) as scope:
                assert len(scope.execute(select(AccountFact.id)).all()) == 1
            with restored.engine.begin() as connection:  # the role's rights go with the database that holds them
                connection.execute(text("SELECT 1"))
            for line in _grantees(restored):
                with restored.engine.begin() as connection:
                    connection.execute(text(f'DROP OWNED BY "{line}"'))
        old.close()
        restored.close()
    figure("SQLite and PostgreSQL: counts and checksums equal, policies, FORCE and grants there")


def _grantees(database: Database) -> list[str]:
    with database.engine.connect() as connection:
        found = connection.scalars(
            text("SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE grantee LIKE 'cs\\_ml\\_%'")
        )
        return list(found)
