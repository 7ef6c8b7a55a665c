"""Row-level security as the database itself tells it, and a pool that carries no tenant from one to the next."""

import random
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.exc import DBAPIError

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import DatabaseAway
from cs_ml.services.databases import DatabaseService
from cs_ml.store.database import Database, _prepare_postgres
from cs_ml.store.tables import Account
from tests.store.crm import role
from tests.support.databases import postgres_database
from tests.support.factories import add_account, add_tenant
from tests.support.postgres import PostgresServer

# Read before a tenant is known: who may become an actor.
IDENTITY = {"TenantUser", "MembershipScope", "SignInSession"}
UNGUARDED = """
SELECT DISTINCT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenantId'
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT (
    relrowsecurity AND relforcerowsecurity AND EXISTS (
        SELECT 1 FROM pg_policy WHERE polrelid = pg_class.oid AND polqual IS NOT NULL AND polwithcheck IS NOT NULL
        AND pg_get_expr(polqual, polrelid) LIKE '%app.current_tenant%'))
"""
# Shaped as a CRM has them: a row without a tenant is nobody's, and the policy shows it to nobody.
OF_THE_CRM = {"CTA", "Playbook"}
NULLABLE = """
SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenantId'
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT attnotnull
"""
OTHER_WAYS_IN = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
"""


@pytest.fixture
def owner(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[Database]:
    with postgres_database(postgres_server, template=migrated_postgres) as url:
        opened = Database(url)
        yield opened
        opened.close()


def test_every_table_with_a_tenant_is_guarded(owner: Database, figure: Callable[[str], None]) -> None:
    with owner.engine.connect() as connection:
        unguarded = set(connection.scalars(text(UNGUARDED)))
        guarded = connection.scalar(text("SELECT count(DISTINCT tablename) FROM pg_policies"))
        assert list(connection.scalars(text(OTHER_WAYS_IN))) == []
        nullable = set(connection.scalars(text(NULLABLE)))
    assert unguarded == IDENTITY
    assert nullable - {"SignInSession"} == OF_THE_CRM
    figure(f"{guarded} tables guarded and forced, 0 exceptions")


def test_a_table_without_a_policy_would_be_seen(owner: Database) -> None:
    with owner.engine.begin() as connection:
        connection.execute(text('CREATE TABLE "New" ("tenantId" text NOT NULL)'))
        assert "New" in set(connection.scalars(text(UNGUARDED)))
        connection.execute(text('ALTER TABLE "New" ENABLE ROW LEVEL SECURITY'))
        connection.execute(text('CREATE POLICY p ON "New" USING ("tenantId" = \'x\')'))
        assert "New" in set(connection.scalars(text(UNGUARDED)))


def test_the_runtime_role_owns_nothing_and_bypasses_nothing(owner: Database) -> None:
    with role(owner, DatabaseService(owner).grants) as database, database.engine.connect() as connection:
        mine = text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert tuple(connection.execute(mine).one()) == (False, False)
        owned = "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        assert connection.scalar(text(owned)) == 0


class _OneConnection(Database):
    """All transactions go over one connection of the server, one after the other."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.engine.dispose()
        self.engine = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
        event.listen(self.engine, "connect", _prepare_postgres)
        self._reading = self._writing = self.engine.execution_options()


def test_no_row_of_another_tenant_over_a_shared_connection(
    owner: Database, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    actors = {name: add_tenant(owner, name) for name in ("acme", "globex")}
    for name, actor in actors.items():
        for number in range(3):
            add_account(owner, actor, name=f"{name} {number}")
    chance, times, foreign = random.Random(7), 1_000 if at_full_size else 60, 0
    backends: set[int] = set()
    with role(owner, DatabaseService(owner).grants) as granted:
        shared = _OneConnection(granted.engine.url.render_as_string(hide_password=False))
        for _ in range(times):
            name = chance.choice(list(actors))
            names = _unfiltered(shared, actors[name], chance.choice(_ENDS), backends)
            foreign += sum(not each.startswith(name) for each in names)
            assert len(names) == 3
            with shared.engine.connect() as connection:  # whoever comes next, without a tenant
                foreign += len(connection.execute(text('SELECT 1 FROM "Account"')).all())
        shared.close()
    assert foreign == 0
    figure(f"{times:,} transactions over {len(backends)} connection, {foreign} foreign rows")


_ENDS = ("commit", "rollback", "error", "savepoint", "cancelled")


def _unfiltered(database: Database, actor: Actor, end: str, backends: set[int]) -> list[str]:
    """What a statement that forgot its filter sees in a transaction of the tenant, which then ends in some way."""
    names: list[str] = []
    try:
        with database.write(actor) as scope:
            connection = scope._connection
            backends.add(connection.scalar(text("SELECT pg_backend_pid()")) or 0)
            names += connection.scalars(text('SELECT name FROM "Account"'))
            assert len(scope.execute(select(Account.id)).all()) == 3
            if end == "savepoint":
                with connection.begin_nested() as point:
                    connection.execute(text('SELECT name FROM "Account"'))
                    point.rollback()
            elif end == "error":
                connection.execute(text("SELECT 1/0"))
            elif end == "cancelled":
                connection.execute(text("SET LOCAL statement_timeout = 1"))
                connection.execute(text("SELECT pg_sleep(1)"))
            elif end == "rollback":
                raise InterruptedError
    except (DBAPIError, DatabaseAway, InterruptedError):
        assert end in {"error", "cancelled", "rollback"}
    return names
