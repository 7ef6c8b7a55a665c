"""The audit log: what is noted, that it is read by managers alone, and never changed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, Invalid
from cs_ml.domain.identity.audit_log import AuditQuery
from cs_ml.domain.portfolio import PortfolioQuery
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.databases import DatabaseService
from cs_ml.services.identity.audit import AuditService
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.importing import ImportService, write_template
from cs_ml.services.llm.chain import EngineChain
from cs_ml.services.portfolio import PortfolioService
from cs_ml.services.predicting.batches import BatchService
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from tests.store.crm import role
from tests.support.databases import postgres_database
from tests.support.factories import NOW, add_account, add_tenant
from tests.support.postgres import PostgresServer


@pytest.fixture
def audit(database: Database) -> AuditService:
    return AuditService(database, lambda: NOW)


def noted(audit: AuditService, actor: Actor, **query: object) -> list[tuple[str, str]]:
    page = audit.page(actor, AuditQuery(**query))  # type: ignore[arg-type]
    return [(record.action, record.entity_id) for record in page.records]


def test_a_change_of_a_setting_tells_before_and_after(database: Database, audit: AuditService) -> None:
    actor = add_tenant(database)
    settings = TenantSettingsService(database, lambda: NOW)
    for value in ("Asia/Tokyo", "Asia/Tokyo", "default"):
        settings.set(actor, "zone", value)
    with pytest.raises(Invalid):
        settings.set(actor, "zone", "Nowhere")
    (second, first) = audit.page(actor, AuditQuery(subject="setting")).records
    assert (first.before, first.after) == ({"value": None}, {"value": "Asia/Tokyo"})
    assert (second.before, second.after) == ({"value": "Asia/Tokyo"}, {"value": None})
    assert (first.user_id, first.at, first.source) == (actor.user_id, NOW, "app")


def test_imports_exports_and_predictions_are_noted(database: Database, audit: AuditService, tmp_path: Path) -> None:
    actor = add_tenant(database)
    write_template(tmp_path / "bundle")
    importing = ImportService(database, lambda: NOW)
    importing.import_bundle(actor, tmp_path / "bundle", data_date=date(2026, 6, 1), dry_run=True)
    assert noted(audit, actor) == []
    importing.import_bundle(actor, tmp_path / "bundle", data_date=date(2026, 6, 1))
    account = add_account(database, actor)
    engines = [RulesEngine(default_scorecard())]
    PredictionService(database, lambda: NOW, EngineChain(engines), PredictionLimit(100)).predict(actor, account)
    add_account(database, actor)
    BatchService(database, lambda: NOW, engines).predict_missing(actor)
    list(PortfolioService(database, lambda: NOW).export(actor, PortfolioQuery()))
    tenant = actor.tenant_id
    assert noted(audit, actor) == [
        ("portfolio.exported", tenant),
        ("prediction.batch", tenant),
        ("prediction.made", str(account)),
        ("import.done", tenant),
    ]
    (imported,) = audit.page(actor, AuditQuery(subject="import")).records
    assert imported.after is not None
    assert imported.after["files"]["accounts.csv"] == {"new": 1, "changed": 0}
    assert len(list(audit.export(actor, AuditQuery()))) == 4
    assert noted(audit, actor, subject="audit") == [("audit.exported", tenant)]


def test_filters_and_pages(database: Database, audit: AuditService) -> None:
    actor = add_tenant(database)
    days = iter(NOW + timedelta(days=number) for number in range(6))
    settings = TenantSettingsService(database, lambda: next(days))
    for number in range(6):
        settings.set(actor, "cta_cooldown_days", str(number + 20))
    first = audit.page(actor, AuditQuery(), limit=4)
    second = audit.page(actor, AuditQuery(), before=first.next, limit=4)
    assert (len(first.records), len(second.records), second.next, first.matching) == (4, 2, None, 6)
    assert first.records[-1].id > second.records[0].id
    assert first.names == {actor.user_id: first.names[actor.user_id or 0]}
    span = AuditQuery(since=NOW + timedelta(days=1), until=NOW + timedelta(days=3))
    assert audit.page(actor, span).matching == 2
    assert audit.page(actor, AuditQuery(user_id=(actor.user_id or 0) + 1)).matching == 0
    assert audit.page(actor, AuditQuery(subject="sett%")).matching == 0


@pytest.mark.parametrize("limited", [Role.MEMBER, Role.VIEWER])
def test_only_managers_read_it(database: Database, audit: AuditService, limited: Role) -> None:
    actor = replace(add_tenant(database), role=limited)
    with pytest.raises(Forbidden):
        audit.page(actor, AuditQuery())
    with pytest.raises(Forbidden):
        next(audit.export(actor, AuditQuery()))


@pytest.fixture
def own_postgres(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[Database]:
    with postgres_database(postgres_server, template=migrated_postgres) as url:
        opened = Database(url)
        yield opened
        opened.close()


def test_the_runtime_role_adds_and_reads_and_no_more(own_postgres: Database) -> None:
    actor = add_tenant(own_postgres, "acme")
    with role(own_postgres, DatabaseService(own_postgres).grants) as database:
        TenantSettingsService(database, lambda: datetime.now(UTC)).set(actor, "zone", "Asia/Tokyo")
        for statement in (
            "UPDATE \"AuditEvent\" SET action = 'x'",
            'DELETE FROM "AuditEvent"',
            'TRUNCATE "AuditEvent"',
        ):
            with database.engine.begin() as connection:
                connection.execute(text("SELECT set_config('app.current_tenant', :t, true)"), {"t": actor.tenant_id})
                with pytest.raises(ProgrammingError, match="permission denied"):
                    connection.execute(text(statement))
        assert noted(AuditService(database, lambda: NOW), actor) == [("setting.changed", "zone")]
