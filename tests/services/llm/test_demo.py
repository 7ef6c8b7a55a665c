"""Over every account of the demo: no name, address or number of any account or contact in what is sent."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cs_ml.demo.bundle import write
from cs_ml.demo.generator import DEFAULT_SEED, TENANTS, generate
from cs_ml.demo.seed import addresses
from cs_ml.domain.actor import Actor
from cs_ml.domain.llm.entities import KnownNames
from cs_ml.engines.llm import LlmEngine
from cs_ml.engines.question import Caller
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.transport import Endpoint
from cs_ml.services.clock import Moment
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.importing import ImportService
from cs_ml.services.llm.entities import KnownEntitiesCache
from cs_ml.services.llm.prompts import PromptService
from cs_ml.services.predicting.scoring import read_scenes
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database
from tests.llm.server import answer, running_server
from tests.services.llm.faulty import CHURN
from tests.support.databases import sqlite_copy
from tests.support.factories import NOW


@dataclass(frozen=True)
class Demo:
    """The demo's tenants and their names, without the past predictions, which nothing here needs."""

    database: Database
    actors: Sequence[Actor]


@pytest.fixture(scope="module")
def demo(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    database = Database(sqlite_copy(migrated_sqlite, folder))
    importing = ImportService(database, lambda: NOW)
    actors = []
    for tenant in TENANTS:
        write(generate(DEFAULT_SEED, NOW.date(), tenant, addresses(tenant)), folder / tenant.slug)
        importing.import_new_tenant(tenant.slug, tenant.name, folder / tenant.slug, data_date=NOW.date(), demo=True)
        with database.identity() as identity:
            found = identity.find_tenant(tenant.slug)
        assert found is not None
        actors.append(Actor.system(found.id))
        TenantSettingsService(database, lambda: NOW).set(actors[-1], "llm_free_text", "on")
    yield Demo(database, actors)
    database.close()


def test_no_name_or_address_of_the_demo_leaves_the_house(demo: Demo) -> None:
    with running_server() as server:
        server.script(answer(CHURN))
        asked = {actor.tenant_id: _ask_about_every_account(demo.database, actor, server.url) for actor in demo.actors}
        sent = [request.raw.decode() for request in server.requests]
    assert server.invalid == []
    assert len(sent) == sum(asked.values()) == sum(tenant.accounts for tenant in TENANTS)
    secrets = [secret for actor in demo.actors for secret in _secrets(demo.database, actor)]
    assert len(secrets) > 500
    bodies = "\n".join(unicodedata.normalize("NFC", body).casefold() for body in sent)
    assert [secret for secret in secrets if _found(secret, bodies)] == []
    assert "[person_1]" in bodies  # people were mentioned


def test_the_fixed_part_is_the_same_in_every_body(demo: Demo) -> None:
    prompts = PromptService(demo.database, lambda: NOW, KnownEntitiesCache(demo.database))
    fixed = {
        prompts.preview(actor, account).messages[0].content.encode()
        for actor in demo.actors
        for account in _accounts(demo.database, actor)[:20]
    }
    assert len(fixed) == 1


def _ask_about_every_account(database: Database, actor: Actor, url: str) -> int:
    asking = PromptService(database, lambda: NOW, KnownEntitiesCache(database)).asking(actor)
    assert asking.free_text
    endpoint = Endpoint(base_url=url, api_key="sk-test", model="gpt-4.1-mini")
    client = LlmClient(endpoint, load_prices(), timeout_s=30, now=lambda: NOW)
    scenes = read_scenes(database, actor, _accounts(database, actor), Moment(NOW, live=True), NOW)
    try:
        engine = LlmEngine(asking, Caller(client=client, reserve=lambda _: None))
        for scene in scenes.values():
            engine.assess(scene.context, scene.reference, 90)
    finally:
        client.close()
    return len(scenes)


def _accounts(database: Database, actor: Actor) -> Sequence[int]:
    with database.read(actor) as scope:
        return [account.id for account in AccountRepository(scope).names().accounts]


def _secrets(database: Database, actor: Actor) -> Iterator[str]:
    """As the CRM has them."""
    with database.read(actor) as scope:
        names: KnownNames = AccountRepository(scope).names()
    for account in names.accounts:
        yield from (account.name, *account.sites, *account.phones)
    for person in names.people:
        yield from (person.first_name, person.last_name, *person.emails, *person.phones)


def _found(secret: str, text: str) -> bool:
    """A word of a spaced script with nothing but signs around it; anywhere in other scripts."""
    wanted = unicodedata.normalize("NFC", secret).casefold()
    if wanted[0].isascii() or "LATIN" in unicodedata.name(wanted[0], ""):
        return wanted in text and re.search(rf"(?<![^\W_]){re.escape(wanted)}(?![^\W_])", text) is not None
    return wanted in text
