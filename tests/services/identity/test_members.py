"""The people of a tenant: who may change whom, and that a tenant keeps an owner."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.services.identity.access import AccessService
from cs_ml.services.identity.members import MemberService
from cs_ml.store.database import Database
from cs_ml.store.tables import AuditEvent
from tests.support.factories import NOW, add_tenant

PHRASE = "violet otters juggle quietly"


@pytest.fixture
def members(database: Database) -> MemberService:
    return MemberService(database, lambda: NOW)


@pytest.fixture
def access(database: Database) -> AccessService:
    return AccessService(database, lambda: NOW)


@pytest.fixture
def owner(database: Database) -> Actor:
    return add_tenant(database, "acme")


def add(access: AccessService, owner: Actor, email: str = "ada@example.com", role: Role = Role.MEMBER) -> Actor:
    added = access.add_user(owner, email, role=role, password=PHRASE)
    return Actor(tenant_id=owner.tenant_id, role=role, user_id=added.person.id)


def test_a_member_is_listed_changed_and_removed(
    database: Database, members: MemberService, access: AccessService, owner: Actor
) -> None:
    ada = add(access, owner)
    assert ada.user_id
    members.change(owner, ada.user_id, Role.VIEWER, "owned")
    listed = {member.person.id: member for member in members.list(owner)}
    assert (listed[ada.user_id].role, listed[ada.user_id].scope, listed[ada.user_id].able) == ("VIEWER", "owned", True)
    members.remove(owner, ada.user_id)
    assert access.memberships(ada.user_id) == []
    with database.read(owner) as scope:
        query = select(AuditEvent.action, AuditEvent.before, AuditEvent.after, AuditEvent.user_id)
        noted = [tuple(row) for row in scope.execute(query.order_by(AuditEvent.id))]
    member, viewer = {"role": "MEMBER", "accounts": "all"}, {"role": "VIEWER", "accounts": "owned"}
    assert noted == [
        ("member.added", None, member, owner.user_id),
        ("member.changed", member, viewer, owner.user_id),
        ("member.removed", viewer, None, owner.user_id),
    ]


def test_the_last_owner_stays(members: MemberService, access: AccessService, owner: Actor) -> None:
    assert owner.user_id
    with pytest.raises(Invalid, match="last owner"):
        members.remove(owner, owner.user_id)
    with pytest.raises(Invalid, match="last owner"):
        members.change(owner, owner.user_id, Role.VIEWER, "all")
    add(access, owner, role=Role.OWNER)
    members.remove(owner, owner.user_id)


def test_an_admin_touches_no_owner(members: MemberService, access: AccessService, owner: Actor) -> None:
    admin = add(access, owner, role=Role.ADMIN)
    second = access.add_user(owner, "bea@example.com", role=Role.OWNER, password=PHRASE).person
    for attempt in (
        lambda: members.change(admin, second.id, Role.VIEWER, "all"),
        lambda: members.change(admin, admin.user_id or 0, Role.OWNER, "all"),
        lambda: members.remove(admin, second.id),
        lambda: members.end_sessions(admin, second.id),
        lambda: access.add_user(admin, "bea@example.com", role=Role.MEMBER),
    ):
        with pytest.raises(Forbidden, match="Only an owner"):
            attempt()


def test_nobody_of_another_tenant_is_a_member(
    database: Database, members: MemberService, access: AccessService, owner: Actor
) -> None:
    other = add_tenant(database, "globex")
    stranger = add(access, other).user_id or 0
    for user_id in (stranger, 999_999):
        with pytest.raises(NotFound):
            members.change(owner, user_id, Role.OWNER, "all")
        with pytest.raises(NotFound):
            members.remove(owner, user_id)
        with pytest.raises(NotFound):
            members.end_sessions(owner, user_id)
    assert stranger not in {member.person.id for member in members.list(owner)}


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_managers_see_and_change_members(members: MemberService, owner: Actor, role: Role) -> None:
    actor = replace(owner, role=role)
    for attempt in (
        lambda: members.list(actor),
        lambda: members.change(actor, 1, Role.VIEWER, "all"),
        lambda: members.remove(actor, 1),
        lambda: members.end_sessions(actor, 1),
    ):
        with pytest.raises(Forbidden):
            attempt()
