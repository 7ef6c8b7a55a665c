"""That a key was changed is noted at the next start: which and when, and nothing of the key."""

from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import select, update

from cs_ml.bootstrap import note_keys, open_services
from cs_ml.domain.actor import Actor
from cs_ml.domain.identity.audit_log import AuditQuery, AuditRecord
from cs_ml.services.identity.audit import AuditService
from cs_ml.services.identity.key_changes import note_key_changes
from cs_ml.settings import Settings
from cs_ml.store.database import Database
from cs_ml.store.tables import AuditEvent, Base, KeyMark
from tests.support.databases import sqlite_copy
from tests.support.factories import NOW, add_tenant

DAY = timedelta(days=1)
FIRST, SECOND = "first-key-" + "q7" * 16, "second-key-" + "x4" * 16


def noted(database: Database, actor: Actor) -> list[AuditRecord]:
    log = AuditService(database, lambda: NOW).page(actor, AuditQuery(subject="key"))
    return list(reversed(log.records))


def start(database: Database, at: datetime, **keys: str | None) -> None:
    note_key_changes(database, keys, at)


def test_a_change_is_noted_once_in_every_active_tenant(database: Database) -> None:
    mine, theirs, closed = (add_tenant(database) for _ in range(3))
    tenant = Base.metadata.tables["Tenant"]
    with database.engine.begin() as connection:
        connection.execute(update(tenant).where(tenant.c.id == closed.tenant_id).values(status="SUSPENDED"))
    start(database, NOW, sessions=FIRST, model=None)
    start(database, NOW + DAY, sessions=FIRST, model=None)
    assert noted(database, mine) == []
    for day in (2, 3):
        start(database, NOW + day * DAY, sessions=SECOND, model=None)
    for actor in (mine, theirs):
        (entry,) = noted(database, actor)
        assert (entry.action, entry.entity_type, entry.entity_id) == ("key.changed", "key", "sessions")
        assert (entry.at, entry.user_id, entry.before, entry.after) == (NOW + 2 * DAY, None, None, None)
    assert noted(database, closed) == []


def test_setting_and_removing_a_key_are_changes(database: Database) -> None:
    actor = add_tenant(database)
    for day, key in enumerate((None, FIRST, FIRST, None)):
        start(database, NOW + day * DAY, sessions=SECOND, fallback=key)
    assert [(entry.entity_id, entry.at) for entry in noted(database, actor)] == [
        ("fallback", NOW + DAY),
        ("fallback", NOW + 3 * DAY),
    ]


def test_nothing_of_a_key_is_kept(database: Database) -> None:
    add_tenant(database)
    for key in (FIRST, SECOND):
        start(database, NOW, sessions=key)
    with database.engine.connect() as connection:
        (mark,) = connection.execute(select(KeyMark.mark)).scalars()
        assert len(mark) == 8
        if database.dialect == "sqlite":  # the other one shows no log without its tenant
            assert mark not in str(connection.execute(select(AuditEvent.__table__)).all())
    assert mark not in FIRST + SECOND


def test_the_app_compares_its_three_keys_at_its_start(migrated_sqlite: Path, tmp_path: Path) -> None:
    url = sqlite_copy(migrated_sqlite, tmp_path)
    database = Database(url)
    actor = add_tenant(database)

    def begin(session: str, model: str | None, fallback: str | None) -> list[str]:
        before = len(noted(database, actor))
        settings = Settings(
            database_url=url,
            session_key=session,
            openai_api_key=SecretStr(model) if model else None,
            openai_api_key_fallback=SecretStr(fallback) if fallback else None,
        )
        with open_services(settings) as services:
            note_keys(services)
        return sorted(entry.entity_id for entry in noted(database, actor)[before:])

    assert begin(FIRST, None, None) == []
    assert begin(SECOND, None, None) == ["sessions"]
    assert begin(SECOND, FIRST, SECOND) == ["language model", "language model, fallback"]
    assert begin(SECOND, FIRST, SECOND) == []
    assert begin(SECOND, SECOND, SECOND) == ["language model"]
    database.close()
