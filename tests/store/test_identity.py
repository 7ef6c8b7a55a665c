"""Users, tenants and memberships, the same on both databases."""

import re

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cs_ml.domain.actor import Role
from cs_ml.store.database import Database
from cs_ml.store.identity.door import UnscopedStatement, bind_door
from cs_ml.store.tables import User
from tests.support.factories import NOW, add_tenant, add_user


def test_a_new_tenant_is_found_by_slug_and_id(database: Database) -> None:
    with database.identity(write=True) as identity:
        tenant_id = identity.add_tenant("acme", "Acme Inc", NOW)
    assert re.fullmatch(r"c[0-9a-z]{24}", tenant_id)
    with database.identity() as identity:
        found = identity.find_tenant("acme")
        assert found is not None
        assert (found.id, found.name, found.active) == (tenant_id, "Acme Inc", True)
        assert identity.get_tenant(tenant_id) == found
        assert identity.find_tenant("other") is None


def test_what_an_error_interrupts_is_not_kept(database: Database) -> None:
    def fail() -> None:
        with database.identity(write=True) as identity:
            identity.add_tenant("acme", "Acme Inc", NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.identity() as identity:
        assert identity.find_tenant("acme") is None


def test_owners_of_a_file_become_members_who_cannot_sign_in(database: Database) -> None:
    actor = add_tenant(database)
    with database.identity(write=True) as identity:
        first = identity.ensure_owners(actor.tenant_id, ["Ada@Example.com", "bob@example.com"], NOW)
    with database.identity(write=True) as identity:
        second = identity.ensure_owners(actor.tenant_id, ["ada@example.com ", "cy@example.com"], NOW)
    assert second["ada@example.com "] == first["Ada@Example.com"]
    assert len({*first.values(), *second.values()}) == 3
    with database.identity() as identity:
        assert identity.password_state(first["bob@example.com"]).hash is None
        (membership,) = identity.memberships(second["cy@example.com"])
        assert (membership.tenant.id, membership.role, membership.scope) == (actor.tenant_id, Role.MEMBER, "all")


def test_thousands_of_owners_take_few_statements(database: Database) -> None:
    actor = add_tenant(database)
    emails = [f"user{number}@many.example" for number in range(2_500)]
    with database.identity(write=True) as identity:
        assert len(set(identity.ensure_owners(actor.tenant_id, emails, NOW).values())) == 2_500


def test_a_file_gives_a_known_user_no_way_into_the_tenant(database: Database) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    stranger = add_user(database, email="Stranger@example.com")
    with database.identity(write=True) as identity:
        identity.set_membership(theirs.tenant_id, stranger, Role.VIEWER, "owned", NOW)
        ids = identity.ensure_owners(mine.tenant_id, ["stranger@example.com"], NOW)
    assert ids == {"stranger@example.com": stranger}
    with database.identity() as identity:
        assert [m.tenant.id for m in identity.memberships(stranger)] == [theirs.tenant_id]


def test_each_tenant_has_one_unassigned_owner(database: Database) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    with database.write(mine) as scope:
        first = scope.identity().unassigned_owner(mine.tenant_id, NOW)
    with database.identity(write=True) as identity:
        assert identity.unassigned_owner(mine.tenant_id, NOW) == first
        assert identity.unassigned_owner(theirs.tenant_id, NOW) != first
        person = identity.get_user(first)
        assert person is not None
        assert person.name == "Unassigned"
        assert identity.password_state(first).hash is None


def test_a_membership_changes_role_and_scope(database: Database) -> None:
    actor, user_id = add_tenant(database), add_user(database)
    with database.identity(write=True) as identity:
        identity.set_membership(actor.tenant_id, user_id, Role.ADMIN, "all", NOW)
        identity.set_membership(actor.tenant_id, user_id, Role.VIEWER, "owned", NOW)
    with database.identity() as identity:
        (membership,) = identity.memberships(user_id)
        assert (membership.role, membership.scope) == (Role.VIEWER, "owned")


@pytest.mark.parametrize("status", ["SUSPENDED", "CANCELLED", "PENDING"])
def test_a_tenant_that_is_not_active_is_no_place_to_work(database: Database, status: str) -> None:
    actor = add_tenant(database, status=status)
    with database.identity() as identity:
        tenant = identity.get_tenant(actor.tenant_id)
        assert tenant is not None
        assert not tenant.active
        assert identity.memberships(actor.user_id or 0) == []


def test_the_hash_of_a_crm_counts_only_while_there_is_none_of_ours(database: Database) -> None:
    user_id = add_user(database, password_hash="$2b$crm")
    with database.identity(write=True) as identity:
        assert identity.password_state(user_id).hash == "$2b$crm"
        identity.set_password_hash(user_id, "ours", NOW, issued_until=None)
        assert identity.password_state(user_id).hash == "ours"
        identity.set_disabled(user_id, True, NOW)
        assert identity.password_state(user_id).hash is None
        identity.raise_epoch(user_id, NOW)
        assert identity.password_state(user_id).epoch == 1
    with Session(database.engine) as session:
        assert session.scalar(select(User.password_hash).where(User.id == user_id)) == "$2b$crm"


def test_the_session_of_the_identity_is_closed_to_everybody_else(database: Database) -> None:
    with Session(database.engine) as session:
        bind_door(session)
        with pytest.raises(UnscopedStatement):
            session.execute(select(func.count(User.id)))
