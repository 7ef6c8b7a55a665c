"""Connections: SQLite and PostgreSQL behave alike from here up. Short transactions, one `Scope` each."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import DatabaseAway
from cs_ml.store.identity import IdentityStore
from cs_ml.store.identity.door import bind_door
from cs_ml.store.scope import Scope

_BUSY_TIMEOUT_MS = 30_000  # fifty that begin at once on a busy machine wait, and fail not
_SQLITE_HABITS = (
    "journal_mode=WAL",
    "foreign_keys=ON",
    f"busy_timeout={_BUSY_TIMEOUT_MS}",
    "synchronous=NORMAL",
    "secure_delete=ON",  # what is deleted is overwritten, not only unlinked
)
_CONNECT_TIMEOUT_S = 5
# The system asks after a silent server itself, so that a connection that broke is known without asking again.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_POOL = 15  # connections of a process, kept: a new one costs more than what most are wanted for
_TENANT = "tenant"  # in the info of a session
_SET_TENANT = "SELECT set_config('app.current_tenant', %(tenant)s, true)"
_WRITER = "cs_ml_writer"
QUEUE_SCHEMA = "cs_ml_jobs"  # the job queue's own tables
_MIGRATION_LOCK = 0x43534D4C  # "CSML": the advisory lock of those who change the schema
_MIGRATION_WAIT = "60s"
_TABLE_LOCK_WAIT = "5s"  # longer would hold up everybody who queues behind us


def create_store_engine(url: str) -> Engine:
    """An engine with our habits.

    SQLite: WAL, foreign keys, busy timeout, BEGIN IMMEDIATE for writers (a deferred one may lose an update without an
    error). PostgreSQL: a look at each connection before its use and a connect timeout, so that a restart or a hanging
    host is a short event.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    habits = {"pool_size": _POOL, "max_overflow": 0}
    connecting = {"connect_timeout": _CONNECT_TIMEOUT_S, **_KEEPALIVE}
    engine = create_engine(parsed, connect_args=connecting, json_deserializer=_from_json, **habits)
    event.listen(engine, "connect", _prepare_postgres)
    event.listen(engine, "checkout", _refuse_broken)
    return engine


def _from_json(text: bytes) -> Any:
    """What `json.loads` answers in a tenth of its time, which is much of a short SELECT's."""
    try:
        return from_json(text)
    except ValueError:  # nested deeper than 200 levels
        return json.loads(text)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin by itself, and deferred
    cursor = connection.cursor()
    for pragma in _SQLITE_HABITS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgres(connection: Any, _record: Any) -> None:
    connection.execute("SET TIME ZONE 'UTC'")  # CURRENT_TIMESTAMP as a column's default has no zone, and means UTC
    connection.commit()


def _refuse_broken(connection: Any, _record: Any, _proxy: Any) -> None:
    """Lets the pool connect anew where the server has closed its connections. That is read from the socket, without the
    round trip of a ping; twice, as a server that still could say why has said so before."""
    from psycopg import Error

    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except Error as error:
        raise InvalidatePoolError from error


def _begin_sqlite(connection: Connection) -> None:
    writer = connection.get_execution_options().get(_WRITER)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


class Database:
    """One database. `read` and `write` are the only ways to tenant-owned rows; `migration` changes the schema."""

    def __init__(self, url: str) -> None:
        self.engine = create_store_engine(url)
        self._writing = self.engine.execution_options(**{_WRITER: True})
        self._reading = self.engine.execution_options(postgresql_readonly=True)
        still = {"isolation_level": "REPEATABLE READ"} if self.dialect == "postgresql" else {}
        self._looking = self._reading.execution_options(**still)
        self._sessions = sessionmaker(autoflush=False)
        bind_door(self._sessions)
        if self.dialect == "postgresql":
            event.listen(self._sessions, "after_begin", _bind_tenant)

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    def queue_conninfo(self) -> str:
        """Where the driver finds the job queue. On PostgreSQL only."""
        from psycopg.conninfo import make_conninfo

        url = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return make_conninfo(url, options=f"-c search_path={QUEUE_SCHEMA}")

    @contextmanager
    def read(self, actor: Actor) -> Iterator[Scope]:
        """A short transaction that keeps nothing: SQLite rolls it back, PostgreSQL refuses to write in it."""
        with self._connection(self._reading, actor) as connection:
            yield self._scope(connection, actor)
            if self.dialect == "postgresql":
                connection.commit()  # at a rollback psycopg forgets its prepared statements: twice the time

    @contextmanager
    def snapshot(self, actor: Actor) -> Iterator[Scope]:
        """Like `read`, of one moment: what others write meanwhile is not seen. SQLite reads like that always."""
        with self._connection(self._looking, actor) as connection:
            yield self._scope(connection, actor)

    @contextmanager
    def write(self, actor: Actor) -> Iterator[Scope]:
        """A short write transaction; committed at the end, rolled back on any error.

        Raises DatabaseAway where the database cannot be reached, is locked for too long, or breaks off.
        """
        with self.telling(), self._session(self._writing, actor) as session:
            yield Scope(session.connection(), actor, lambda: session)
            session.commit()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Raises DatabaseAway in the place of what the driver says while the database is away."""
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR":
                raise  # a statement that cannot be, not a database that is away
            raise DatabaseAway("The database does not respond. Try again in a minute.") from error

    def is_up(self) -> bool:
        """Whether the database answers now."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except DBAPIError:
            return False
        return True

    def wipe(self) -> None:
        """Leaves nothing of deleted rows in SQLite's journal. PostgreSQL overwrites them in its own time (VACUUM)."""
        if self.dialect == "sqlite":
            with closing(self.engine.raw_connection()) as connection:  # not in a transaction, where it cannot work
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def identity(self, *, write: bool = False) -> Iterator[IdentityStore]:
        """Users, tenants and sessions outside of any tenant: who may become an actor is decided here.

        Committed at the end if `write`, rolled back on any error.
        """
        with self._sessions(bind=self._writing if write else self.engine) as session:
            yield IdentityStore(session)
            if write:
                session.commit()

    @contextmanager
    def migration(self) -> Iterator[Connection]:
        """A transaction that changes the schema: one at a time, and an error rather than a long wait for a table."""
        with self._writing.begin() as connection:
            if self.dialect == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{_MIGRATION_WAIT}'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                connection.execute(text(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_WAIT}'"))
            yield connection

    @contextmanager
    def _connection(self, engine: Engine, actor: Actor) -> Iterator[Connection]:
        """What is only read needs no session, which would take a tenth of a page's time."""
        with engine.connect() as connection:
            if self.dialect == "postgresql":
                _set_tenant(connection, actor.tenant_id)
            yield connection

    def _scope(self, connection: Connection, actor: Actor) -> Scope:
        return Scope(connection, actor, lambda: self._sessions(bind=connection, info={_TENANT: actor.tenant_id}))

    @contextmanager
    def _session(self, engine: Engine, actor: Actor) -> Iterator[Session]:
        with self._sessions(bind=engine, info={_TENANT: actor.tenant_id}) as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()


def _bind_tenant(session: Session, _transaction: Any, connection: Connection) -> None:
    if _TENANT in session.info:
        _set_tenant(connection, session.info[_TENANT])


def _set_tenant(connection: Connection, tenant_id: str) -> None:
    """Row-level policies read this setting; it lives as long as the transaction."""
    connection.exec_driver_sql(_SET_TENANT, {"tenant": tenant_id})
