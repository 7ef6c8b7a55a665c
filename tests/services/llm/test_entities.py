"""The names of a tenant: all of them, of that tenant only, made once and anew when the data changes."""

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.llm.redaction.known import KnownEntities
from cs_ml.services.llm.entities import KnownEntitiesCache
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database
from tests.services.counting import statements
from tests.support.factories import NOW, add_account, add_contact, add_tenant, add_user


@pytest.fixture
def acme(database: Database) -> Actor:
    actor, other = add_tenant(database, "acme"), add_tenant(database, "other")
    globex = add_account(database, actor, name="Globex", phone="030 1234", website="globex.example")
    add_contact(database, actor, globex, first_name="Zofia", last_name="Wilk", email="z@wilk.example", mobile="47 11")
    add_contact(database, other, add_account(database, other, name="Initech"), first_name="Bertil", last_name="Ek")
    return actor


def hidden(known: KnownEntities, *words: str) -> list[str]:
    return [word for word in words if next(known.find(word), None) is not None]


def test_all_names_and_addresses_of_the_tenant_and_of_no_other(database: Database, acme: Actor) -> None:
    known = KnownEntitiesCache(database).of(acme)
    words = ["Globex", "globex.example", "0301234", "Zofia", "Wilka", "4711", "Initech", "Bertil"]
    assert hidden(known, *words) == words[:6]


def test_an_actor_who_sees_no_account_hides_the_names_all_the_same(database: Database, acme: Actor) -> None:
    nobody = Actor(tenant_id=acme.tenant_id, role=Role.VIEWER, user_id=add_user(database), scope="owned")
    with database.read(nobody) as scope:
        assert not AccountRepository(scope).names().accounts
    assert hidden(KnownEntitiesCache(database).of(nobody), "Globex", "Zofia") == ["Globex", "Zofia"]


def test_made_once_and_anew_when_a_name_is_added_or_changed(database: Database, acme: Actor) -> None:
    cache = KnownEntitiesCache(database)
    first = cache.of(acme)
    with statements(database) as asked:
        assert cache.of(acme) is first
    assert len(asked) == 2
    add_account(database, acme, name="Hooli", updated_at=NOW.replace(year=2020))
    second = cache.of(acme)
    assert hidden(second, "Hooli") == ["Hooli"]
    add_account(database, acme, name="Pied Piper", updated_at=NOW.replace(year=2027))
    assert hidden(cache.of(acme), "Pied Piper") == ["Pied Piper"]


def test_what_is_kept_has_a_bound(database: Database, acme: Actor) -> None:
    tenants = [acme, *(_tenant(database, number) for number in range(3))]
    size = KnownEntitiesCache(database).of(acme).size
    cache = KnownEntitiesCache(database, max_patterns=2 * size)
    kept = [cache.of(tenant) for tenant in tenants]
    assert cache.of(tenants[-1]) is kept[-1]
    assert cache.of(acme) is not kept[0]


def _tenant(database: Database, number: int) -> Actor:
    made = add_tenant(database, f"tenant-{number}")
    account = add_account(database, made, name="Globex", phone="030 1234", website="globex.example")
    add_contact(database, made, account, first_name="Zofia", last_name="Wilk", email="z@wilk.example", mobile="47 11")
    return made
