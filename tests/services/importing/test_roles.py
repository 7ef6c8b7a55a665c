"""The import with no more rights than the runtime role has, in our own database and beside a CRM."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.services.databases import DatabaseService
from cs_ml.store.database import Database
from tests.services.importing.bundles import SMALL, counts, service, write
from tests.store.crm import crm_database, role
from tests.support.databases import postgres_database
from tests.support.postgres import PostgresServer


@pytest.fixture(params=["own", "crm"])
def owned(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Iterator[Database]:
    """A database of the role that migrates."""
    if request.param == "crm":
        with crm_database(postgres_server) as database:
            DatabaseService(database).upgrade()
            yield database
        return
    with postgres_database(postgres_server, template=request.getfixturevalue("migrated_postgres")) as url:
        database = Database(url)
        yield database
        database.close()


def test_the_runtime_role_imports_twice(owned: Database, tmp_path: Path) -> None:
    bundle = write(tmp_path, SMALL)
    with role(owned, DatabaseService(owned).grants) as database:
        with database.identity() as identity:
            assert identity.find_tenant("new") is None
        dry = service(database).import_new_tenant("new", "New", bundle, dry_run=True)
        first = service(database).import_new_tenant("new", "New", bundle)
        with database.identity() as identity:
            tenant = identity.find_tenant("new")
        assert tenant
        again = service(database).import_bundle(Actor.system(tenant.id), bundle)
    assert counts(dry) == counts(first)
    assert counts(again) == {name: (0, 0, new) for name, (new, _, _) in counts(first).items()}
