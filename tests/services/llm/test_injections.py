"""A hold-out of more than 300 notes that give orders, and a model that obeys them: what our code holds, it holds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor
from cs_ml.domain.predictions import Prediction
from cs_ml.engines.fallback import assess
from cs_ml.services.clock import Moment
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.predicting.scoring import read_scenes
from cs_ml.store.database import Database
from cs_ml.store.tables import CTA, Account, AccountMLPrediction, AIUsageEvent, AuditEvent, Base, CRMActivity
from cs_ml.ui.components import plain
from tests.llm.server import FakeServer
from tests.services.llm.injections import Attack, attacks
from tests.services.llm.modelled import modelled
from tests.services.predictions.predicting import RULES, TestClock
from tests.support.databases import sqlite_copy
from tests.support.factories import NOW, add_account, add_tenant

WRITTEN = {AccountMLPrediction.__tablename__, AIUsageEvent.__tablename__, AuditEvent.__tablename__}
NAME = re.compile(r"zorvex\d+", re.IGNORECASE)
ACTIVE = re.compile(r"(?<!\\)[\[\]<!]|://")  # what Markdown or HTML would need


@pytest.fixture
def database(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    """On SQLite alone: what is tested lies above the database."""
    opened = Database(sqlite_copy(migrated_sqlite, tmp_path))
    yield opened
    opened.close()


def add_attacked(database: Database, actor: Actor, notes: Sequence[str]) -> Sequence[int]:
    """One account for each note, which is the subject of an activity and the title of a task."""
    stamps = {"createdAt": NOW, "updatedAt": NOW}
    owner = {"ownerId": actor.user_id, **stamps}
    with database.write(actor) as scope:
        named = [{"name": f"Zorvex{number}", "type": "CUSTOMER", **owner} for number in range(len(notes))]
        ids = scope.insert_returning_ids(Account, named)
        attacked = list(zip(ids, notes, strict=True))
        done = {"type": "EMAIL", "status": "COMPLETED", "completedAt": NOW, "createdById": actor.user_id, **owner}
        scope.insert(CRMActivity, [{"accountId": account, "subject": note, **done} for account, note in attacked])
        scope.insert(
            CTA, [{"accountId": account, "type": "RISK", "title": note, **owner} for account, note in attacked]
        )
    return ids


def other_rows(database: Database) -> dict[str, list[Any]]:
    """Every row of every table that a prediction has no business with."""
    with database.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in Base.metadata.sorted_tables
            if table.name not in WRITTEN
        }


def noted(database: Database) -> list[tuple[str, str, str]]:
    """Tenant, action and what it concerns, of every entry of the audit log, oldest first."""
    asked = select(AuditEvent.tenant_id, AuditEvent.action, AuditEvent.entity_id).order_by(AuditEvent.id)
    with database.engine.connect() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(asked)]


def texts(found: Prediction) -> Iterator[str]:
    yield found.explanation
    for factor in (*found.factors, *found.protective):
        yield from (factor.factor, factor.description, factor.current_value)
    for advice in found.recommendations:
        yield from (advice.action, advice.rationale, advice.expected_impact, advice.timeframe)


def rules_by_account(database: Database, actor: Actor, accounts: Sequence[int]) -> dict[int, float]:
    scenes = read_scenes(database, actor, accounts, Moment(NOW, live=True), NOW)
    return {
        account: assess([RULES], scene.context, scene.reference, 90).assessment.probability
        for account, scene in scenes.items()
    }


def test_orders_in_notes_reach_nothing(database: Database, server: FakeServer) -> None:
    actor, stranger = add_tenant(database), add_tenant(database)
    add_account(database, stranger, name="Zorvex999")
    TenantSettingsService(database, lambda: NOW).set(actor, "llm_free_text", "on")
    held: list[Attack] = list(attacks())
    accounts = add_attacked(database, actor, [attack.note for attack in held])
    rules = rules_by_account(database, actor, accounts)
    assert len(held) >= 300
    before, noted_before = other_rows(database), noted(database)
    with modelled(database, server.url, TestClock()) as service:
        service._limit = type(service._limit)(per_day=len(held))
        for account, attack, number in zip(accounts, held, range(len(held)), strict=True):
            server.answer_by(attack.obey)
            found = service.predict(actor, account)
            shown = "\n".join(texts(found))
            assert set(NAME.findall(shown)) <= {f"Zorvex{number}"}, attack.note
            assert not ACTIVE.search(plain(shown)), attack.note
            apart = abs(found.probability - rules[account]) > 0.5
            assert ("far_apart" in found.doubts) == apart, attack.note
            assert (found.account_id, 0.02 <= found.probability <= 0.98) == (account, True)

    assert len(server.requests) > len(held)
    assert not any(NAME.search(request.raw.decode()) for request in server.requests)
    assert other_rows(database) == before
    made = [(actor.tenant_id, "prediction.made", str(account)) for account in accounts]
    assert noted(database) == noted_before + made
    assert stored_of(database) == {str(account): 1 for account in accounts}
    flagged = sum("far_apart" in found.doubts for found in all_of(database, actor, accounts))
    assert flagged > 0


def stored_of(database: Database) -> Mapping[str, int]:
    """Predictions by account; the books name no other account."""
    with database.engine.connect() as connection:
        predicted = [str(row[0]) for row in connection.execute(select(AccountMLPrediction.account_id))]
        booked = {row[0] for row in connection.execute(select(AIUsageEvent.entity_id))}
    assert booked <= set(predicted)
    return {account: predicted.count(account) for account in predicted}


def all_of(database: Database, actor: Actor, accounts: Sequence[int]) -> Iterator[Prediction]:
    from cs_ml.store.predictions import PredictionRepository

    with database.read(actor) as scope:
        for account in accounts:
            yield from PredictionRepository(scope).list(account, None)
