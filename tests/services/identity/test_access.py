"""Users, roles, and the proof of who they are."""

import bcrypt
import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.domain.identity.people import Proven
from cs_ml.services.identity.access import AccessService
from cs_ml.services.identity.passwords import check_password
from cs_ml.store.database import Database
from tests.support.factories import NOW, add_tenant, add_user

PHRASE = "violet otters juggle quietly"


@pytest.fixture
def access(database: Database) -> AccessService:
    return AccessService(database, lambda: NOW)


def test_a_new_user_signs_in_with_the_given_password(database: Database, access: AccessService) -> None:
    actor = add_tenant(database)
    added = access.add_user(actor, "Ada@Example.com", role=Role.MEMBER, scope="owned", password=PHRASE)
    assert (added.created, added.password, added.password_kept) == (True, None, False)
    proven = access.verify("ada@example.com", PHRASE)
    assert proven == Proven(person=added.person)
    assert access.actor_for(added.person.id, actor.tenant_id) == Actor(
        tenant_id=actor.tenant_id, user_id=added.person.id, role=Role.MEMBER, scope="owned"
    )


def test_a_made_up_password_works_and_a_wrong_one_does_not(database: Database, access: AccessService) -> None:
    added = access.add_user(add_tenant(database), "ada@example.com", role=Role.MEMBER)
    assert added.password is not None
    assert access.verify("ada@example.com", added.password)
    assert access.verify("ada@example.com", added.password + " ") is None
    assert access.verify("nobody@example.com", added.password) is None
    assert access.verify("ada@example.com", "") is None


def test_spaces_and_every_byte_of_a_long_password_count(database: Database, access: AccessService) -> None:
    long = " " + "".join(chr(945 + n % 24) for n in range(90)) + " "
    access.add_user(add_tenant(database), "ada@example.com", role=Role.MEMBER, password=long)
    assert access.verify("ada@example.com", long)
    assert access.verify("ada@example.com", long.strip()) is None
    assert access.verify("ada@example.com", long[:88] + "x" + long[89:]) is None


def test_a_bcrypt_hash_of_the_crm_keeps_working(database: Database, access: AccessService) -> None:
    stored = bcrypt.hashpw(b"old crm secret", bcrypt.gensalt(4)).decode()
    user_id = add_user(database, email="old@example.com", password_hash=stored)
    proven = access.verify("old@example.com", "old crm secret")
    assert proven is not None
    assert proven.person.id == user_id
    assert access.verify("old@example.com", "another secret") is None
    access.set_password("old@example.com", PHRASE)
    assert access.verify("old@example.com", PHRASE)
    assert access.verify("old@example.com", "old crm secret") is None


def test_a_hash_of_an_unknown_kind_lets_nobody_in(database: Database, access: AccessService) -> None:
    add_user(database, email="odd@example.com", password_hash="plain text")
    assert access.verify("odd@example.com", "plain text") is None


def test_a_disabled_user_cannot_sign_in_until_enabled(database: Database, access: AccessService) -> None:
    access.add_user(add_tenant(database), "ada@example.com", role=Role.MEMBER, password=PHRASE)
    access.set_disabled("ada@example.com", disabled=True)
    assert access.verify("ada@example.com", PHRASE) is None
    access.set_disabled("ada@example.com", disabled=False)
    assert access.verify("ada@example.com", PHRASE)


def test_a_second_tenant_neither_changes_nor_learns_the_password(database: Database, access: AccessService) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    access.add_user(mine, "ada@example.com", role=Role.MEMBER, password=PHRASE)
    added = access.add_user(theirs, "ada@example.com", role=Role.VIEWER, password="a wholly different phrase")
    assert (added.created, added.password, added.password_kept) == (False, None, True)
    assert access.verify("ada@example.com", PHRASE)
    assert [m.role for m in access.memberships(added.person.id)] == [Role.MEMBER, Role.VIEWER]


def test_a_member_without_a_password_elsewhere_gets_none_from_this_tenant(
    database: Database, access: AccessService
) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    with database.identity(write=True) as identity:
        identity.ensure_owners(theirs.tenant_id, ["owner@example.com"], NOW)
    added = access.add_user(mine, "owner@example.com", role=Role.VIEWER, password=PHRASE)
    assert added.password_kept
    assert access.verify("owner@example.com", PHRASE) is None


def test_an_owner_named_in_a_file_gets_a_password_from_the_own_tenant(
    database: Database, access: AccessService
) -> None:
    mine = add_tenant(database)
    with database.identity(write=True) as identity:
        identity.ensure_owners(mine.tenant_id, ["owner@example.com"], NOW)
    added = access.add_user(mine, "owner@example.com", role=Role.MEMBER, password=PHRASE)
    assert not added.created
    assert access.verify("owner@example.com", PHRASE)


def test_another_tenant_does_not_exist_for_a_user(database: Database, access: AccessService) -> None:
    mine, theirs = add_tenant(database), add_tenant(database)
    added = access.add_user(mine, "ada@example.com", role=Role.OWNER, password=PHRASE)
    with pytest.raises(NotFound) as foreign:
        access.actor_for(added.person.id, theirs.tenant_id)
    with pytest.raises(NotFound) as missing:
        access.actor_for(added.person.id, "no-such-tenant")
    assert foreign.value.message == missing.value.message


def test_a_change_of_role_raises_the_epoch(database: Database, access: AccessService) -> None:
    actor = add_tenant(database)
    added = access.add_user(actor, "ada@example.com", role=Role.MEMBER, password=PHRASE)

    def epoch() -> int:
        with database.identity() as identity:
            return identity.password_state(added.person.id).epoch

    before = epoch()
    access.add_user(actor, "ada@example.com", role=Role.MEMBER)
    assert epoch() == before
    access.add_user(actor, "ada@example.com", role=Role.VIEWER)
    assert epoch() == before + 1


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_managers_add_users(database: Database, access: AccessService, role: Role) -> None:
    actor = add_tenant(database)
    with pytest.raises(Forbidden):
        access.add_user(Actor(tenant_id=actor.tenant_id, role=role, user_id=1), "a@example.com", role=Role.VIEWER)


def test_an_admin_cannot_make_an_owner(database: Database, access: AccessService) -> None:
    actor = add_tenant(database)
    admin = Actor(tenant_id=actor.tenant_id, role=Role.ADMIN, user_id=actor.user_id)
    with pytest.raises(Forbidden):
        access.add_user(admin, "a@example.com", role=Role.OWNER)
    assert access.add_user(admin, "a@example.com", role=Role.ADMIN).created


@pytest.mark.parametrize("email", ["", "ada", "@example.com", "ada@", "a da@example.com", "unassigned@t.invalid"])
def test_an_address_that_is_none_is_refused(database: Database, access: AccessService, email: str) -> None:
    with pytest.raises(Invalid) as error:
        access.add_user(add_tenant(database), email, role=Role.VIEWER)
    assert "email" in error.value.fields


@pytest.mark.parametrize(
    "password",
    [
        "fourteen chars",
        "x" * 1_025,
        "aaaaaaaaaaaaaaaaaaaa",
        "abcdefghijklmnopqrst",
        "zyxwvutsrqponmlkji",
        "passwordpassword",
        "Password-2026-!!",
        "123qwertyuiop456",
        "dragon.Dragon.dragon",
        "iloveyou iloveyou",
        "1234567890123456789",
        "ada@example.comada",
        "Lovelace Lovelace!!!",
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(Invalid):
        check_password(password, ("ada@example.com", "Lovelace"))


@pytest.mark.parametrize(
    "password",
    [
        PHRASE,
        "correct horse battery staple",
        "kx7Qm2vT9pLw4Zr",
        "x" * 3 + "-unusual-ones-" + "y" * 120,
        "ünïcödé pässphräse ✓✓",
    ],
)
def test_a_long_password_of_any_letters_is_taken(password: str) -> None:
    check_password(password, ("ada@example.com", "Lovelace"))
