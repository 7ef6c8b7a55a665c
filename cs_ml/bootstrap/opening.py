"""Settings in, services out, closed at the end. The only clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cs_ml.bootstrap.model import language_model
from cs_ml.bootstrap.telemetry import Telemetry
from cs_ml.bootstrap.telemetry.figures import TenantFigures
from cs_ml.bootstrap.wiring import Process, Services, wire
from cs_ml.jobs.workforce import Workforce
from cs_ml.llm.client import LlmClient
from cs_ml.logs import configure_logs
from cs_ml.services.clock import Clock
from cs_ml.services.databases import DatabaseService, prepare
from cs_ml.services.identity.key_changes import note_key_changes
from cs_ml.services.identity.keys import require_strong
from cs_ml.services.identity.leaving import LeavingService
from cs_ml.services.identity.sessions import SessionService
from cs_ml.settings import Settings
from cs_ml.store.database import Database
from cs_ml.store.migrations.copying import backup, restore


def system_clock() -> datetime:
    return datetime.now(UTC)


@contextmanager
def open_services(settings: Settings | None = None, clock: Clock = system_clock) -> Iterator[Services]:
    """Services over the configured database; closed at the end.

    A new SQLite file gets its tables here. Raises Invalid where another database lacks them or they are not current,
    and for settings of the language model that cannot be.
    """
    settings = settings or Settings()
    configure_logs(settings.log_level, settings.secrets())
    telemetry = Telemetry(settings)
    llm, database = language_model(settings, clock, telemetry.watch), Database(settings.database_url)
    workforce = Workforce(database.queue_conninfo() if database.dialect == "postgresql" else None, clock)
    with _closing(database, llm, workforce, telemetry):
        prepare(database)
        yield wire(settings, database, clock, Process(llm, workforce, telemetry))


@contextmanager
def _closing(database: Database, llm: LlmClient | None, workforce: Workforce, telemetry: Telemetry) -> Iterator[None]:
    """Closes them at the end, in the order in which they need each other."""
    try:
        yield
    finally:
        workforce.close()
        if llm is not None:
            llm.close()
        telemetry.close()
        database.close()


@contextmanager
def open_scratch() -> Iterator[Services]:
    """Services over an empty database of their own, without a language model, gone at the end."""
    with TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/scratch.db", openai_api_key=None)
        with open_services(settings) as services:
            yield services


def serve_metrics(services: Services) -> int | None:
    """Answers Prometheus from now on; the port, None where metrics are off. Raises Invalid where the port is taken."""
    figures = TenantFigures(services.database, services.clock, services.access, services.monitoring)
    return services.telemetry.serve(figures)


def open_sessions(services: Services) -> SessionService:
    """Signing in, for the app. Raises Invalid where there is no good key: none is shipped, and none is made up here."""
    key = services.settings.session_key or ""
    require_strong(key, "CS_ML_SESSION_KEY")
    return SessionService(services.database, services.clock, services.access, key=key.encode())


def note_keys(services: Services) -> None:
    """Tells the audit log where a key is another one than at the app's last start."""
    settings = services.settings
    model, fallback = settings.openai_api_key, settings.openai_api_key_fallback
    keys = {
        "sessions": settings.session_key,
        "language model": model.get_secret_value() if model else None,
        "language model, fallback": fallback.get_secret_value() if fallback else None,
    }
    note_key_changes(services.database, keys, services.clock())


@contextmanager
def open_schema(settings: Settings | None = None, *, as_owner: bool = False) -> Iterator[DatabaseService]:
    """The database itself, whatever state its schema is in; with the rights of the role that migrates `as_owner`."""
    settings = settings or Settings()
    owner_url = settings.owner_database_url if as_owner else None
    database = Database(owner_url or settings.database_url)
    try:
        yield DatabaseService(database)
    finally:
        database.close()


@contextmanager
def open_leaving(settings: Settings | None = None, clock: Clock = system_clock) -> Iterator[LeavingService]:
    """Deleting tenants, with the rights of the role that migrates."""
    settings = settings or Settings()
    database = Database(settings.owner_database_url or settings.database_url)
    try:
        prepare(database)
        yield LeavingService(database, clock)
    finally:
        database.close()


def backup_database(file: Path) -> int:
    """Copies the configured SQLite database into a new file; answers its bytes."""
    return backup(Settings().database_url, file)


def restore_database(file: Path, *, overwrite: bool) -> int:
    """Puts a copy in the configured SQLite database's place; answers its bytes."""
    return restore(Settings().database_url, file, overwrite=overwrite)
