"""The runtime role: enough rights to work, and no more; row-level security holds it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import CsMlError
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.services.databases import DatabaseService
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.tables import Account, ChurnEvent
from tests.store.catalog import row_lines
from tests.store.crm import crm_database, role, script
from tests.support.databases import postgres_database
from tests.support.factories import add_account, add_prediction, add_tenant
from tests.support.postgres import PostgresServer

ACME = Actor.system("ckacme")


@pytest.fixture
def plain_crm(postgres_server: PostgresServer) -> Iterator[Database]:
    with crm_database(postgres_server) as database:
        yield database


@pytest.fixture
def own_postgres(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[Database]:
    with postgres_database(postgres_server, template=migrated_postgres) as url:
        database = Database(url)
        yield database
        database.close()


def test_the_granted_role_can_work_and_row_security_holds_it(own_postgres: Database) -> None:
    with role(own_postgres, DatabaseService(own_postgres).grants) as database:
        acme, globex = add_tenant(database, "acme"), add_tenant(database, "globex")
        account = add_account(database, acme)
        add_prediction(database, acme, account)
        report = DatabaseService(database).check()
        assert report.warnings == []
        with database.read(acme) as scope:
            assert scope.execute(select(Account.id)).scalars().all() == [account]
        count = text('SELECT (SELECT count(*) FROM "Account") + (SELECT count(*) FROM "AccountMLPrediction")')
        with database.engine.begin() as connection:
            assert connection.scalar(count) == 0  # no tenant, no row
            bind = text("SELECT set_config('app.current_tenant', :tenant, true)")
            connection.execute(bind, {"tenant": globex.tenant_id})
            assert connection.scalar(count) == 0
            connection.execute(bind, {"tenant": acme.tenant_id})
            assert connection.scalar(count) == 2
            connection.execute(bind, {"tenant": globex.tenant_id})
            foreign = text("""INSERT INTO "TenantReference" ("tenantId", "asOf", "quantiles")
                VALUES (:tenant, now(), '[]')""")
            with pytest.raises(ProgrammingError, match="row-level security"):
                connection.execute(foreign, {"tenant": acme.tenant_id})


def test_the_granted_role_can_work_beside_a_crm(plain_crm: Database) -> None:
    DatabaseService(plain_crm).upgrade()
    with role(plain_crm, DatabaseService(plain_crm).grants) as database:
        with database.read(ACME) as scope:
            assert scope.execute(select(Account.name).order_by(Account.id)).scalars().all() == ["Stays", "Left"]
        add_prediction(database, ACME, 1)
        assert DatabaseService(database).check().warnings == []
        with pytest.raises(ProgrammingError, match="permission denied"), database.engine.begin() as connection:
            connection.execute(text('DELETE FROM "Account"'))


def all_rows(database: Database) -> dict[str, list[str]]:
    with database.engine.connect() as connection:
        return row_lines(connection)


def test_a_role_that_a_policy_hides_accounts_from_cannot_adopt(plain_crm: Database) -> None:
    def almost_enough(name: str) -> list[str]:
        return [f"GRANT ALL ON SCHEMA public TO {name}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}"]

    rows = all_rows(plain_crm)
    with role(plain_crm, almost_enough) as database:
        with pytest.raises(CsMlError, match="row-level security"):
            DatabaseService(database).upgrade()
        assert all_rows(plain_crm) == rows


@pytest.mark.parametrize("offset", ["UTC", "Asia/Kolkata"])
def test_default_dates_are_utc_whatever_the_servers_zone(own_postgres: Database, offset: str) -> None:
    name = own_postgres.engine.url.database
    script(own_postgres, f"ALTER DATABASE \"{name}\" SET timezone TO '{offset}'")
    own_postgres.engine.dispose()
    actor = add_tenant(own_postgres)
    account = add_account(own_postgres, actor)
    now = datetime.now(UTC)
    with own_postgres.write(actor) as scope:
        row = {"accountId": account, "churnedAt": now, "approximate": False}
        scope.insert(ChurnEvent, [row])
    with own_postgres.read(actor) as scope:
        created = scope.execute(select(ChurnEvent.created_at)).scalar_one()
    assert abs((created - now).total_seconds()) < 60


@pytest.mark.parametrize("change", ['DELETE FROM "AuditEvent"', 'UPDATE "AuditEvent" SET "action" = \'nothing\''])
def test_the_granted_role_adds_to_the_audit_log_and_never_changes_it(own_postgres: Database, change: str) -> None:
    with role(own_postgres, DatabaseService(own_postgres).grants) as database:
        acme = add_tenant(database, "acme")
        entry = AuditEntry(at=datetime.now(UTC), action="cta.accepted", entity_type="CTA", entity_id="1")
        with database.write(acme) as scope:
            AuditRepository(scope).add([entry])
        with database.read(acme) as scope:
            assert AuditRepository(scope).newest("CTA", "1") is not None
        with pytest.raises(ProgrammingError, match="permission denied"), database.engine.begin() as connection:
            connection.execute(text(change))
