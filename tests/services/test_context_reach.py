"""Who sees which account's context, and how little is asked of the database for it."""

from datetime import timedelta

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import NotFound
from cs_ml.services.context import ContextService
from cs_ml.store.database import Database
from cs_ml.store.scope import Scope
from cs_ml.store.tables import Account
from tests.services.counting import statements
from tests.support.crm import unbind
from tests.support.factories import NOW, add_account, add_activity, add_health, add_reference, add_tenant, add_user


def test_a_long_history_is_not_cut_and_asks_no_more(database: Database) -> None:
    actor = add_tenant(database)
    account, other = add_account(database, actor), add_account(database, actor)
    service = ContextService(database, lambda: NOW)
    with statements(database) as short:
        service.gather_context(actor, account)
    for number in range(300):
        add_health(database, actor, account, calculated_at=NOW - timedelta(hours=7 * number))
        add_activity(database, actor, account, completed_at=NOW - timedelta(hours=2 * number))
    with statements(database) as long:
        found = service.gather_context(actor, account)
    assert (len(found.health), len(found.activities), found.health[-1].id) == (300, 300, "H300")
    with statements(database) as many:
        assert set(service.gather_contexts(actor, [account, other])) == {account, other}
    assert len(short) == len(long) == len(many) <= 6


def test_a_thousand_accounts_ask_no_more_than_one(database: Database) -> None:
    actor = add_tenant(database)
    row = {"name": "x", "ownerId": actor.user_id, "createdAt": NOW, "updatedAt": NOW}
    with database.write(actor) as scope:
        ids = scope.insert_returning_ids(Account, [row] * 1_000)
    with statements(database) as asked:
        assert len(ContextService(database, lambda: NOW).gather_contexts(actor, ids)) == 1_000
    assert len(asked) <= 6


def test_the_account_of_another_tenant_does_not_exist(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    account, own = add_account(database, theirs), add_account(database, mine)
    add_reference(database, theirs, account, "A-1")
    service = ContextService(database, lambda: NOW)
    # A row of ours that points to their account is an accident of the CRM, and no way in.
    unbind(database)
    with monkeypatch.context() as past_the_door:
        past_the_door.setattr(Scope, "require_accounts", lambda *_: None)
        add_activity(database, mine, account)
    errors = set()
    for asked in (account, 10**6):
        with pytest.raises(NotFound) as gathered:
            service.gather_context(mine, asked)
        with pytest.raises(NotFound) as resolved:
            service.resolve(mine, str(asked))
        errors |= {gathered.value.message, resolved.value.message}
    assert len(errors) == 1
    assert set(service.gather_contexts(mine, [account, own])) == {own}
    with pytest.raises(NotFound):
        service.resolve(mine, "A-1")
    assert service.resolve(theirs, "A-1") == account


def test_an_actor_limited_to_owned_accounts_sees_only_those(database: Database) -> None:
    owner = add_tenant(database)
    user = add_user(database)
    actor = Actor(tenant_id=owner.tenant_id, role=Role.MEMBER, user_id=user, scope="owned")
    own, other = add_account(database, owner, owner_id=user), add_account(database, owner)
    add_activity(database, owner, own)
    service = ContextService(database, lambda: NOW)
    found = service.gather_contexts(actor, [own, other])
    assert (set(found), found[own].history.count) == ({own}, 1)
    with pytest.raises(NotFound):
        service.gather_context(actor, other)


@pytest.mark.parametrize("name", ["9" * 5_000, "-1", "1.5", "1e3", "²", "a\0b", "\ud800", "", "2147483648"])
def test_an_odd_name_of_an_account_is_not_found(database: Database, name: str) -> None:
    actor = add_tenant(database)
    add_account(database, actor)
    with pytest.raises(NotFound):
        ContextService(database, lambda: NOW).resolve(actor, name)


def test_a_reference_wins_over_an_id(database: Database) -> None:
    actor = add_tenant(database)
    first, second = add_account(database, actor), add_account(database, actor)
    service = ContextService(database, lambda: NOW)
    assert service.resolve(actor, str(first)) == service.resolve(actor, first) == first
    add_reference(database, actor, second, str(first))
    assert service.resolve(actor, str(first)) == second
