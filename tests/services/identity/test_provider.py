"""Who is let in on the word of the company's identity provider."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Role
from cs_ml.domain.identity.sessions import Vouched
from cs_ml.services.identity.pacing import FLOOR_S
from cs_ml.services.identity.sessions import IDLE, MAX_FAILURES, VOUCHED_LIFE, WINDOW
from cs_ml.store.database import Database
from cs_ml.store.tables import AuditEvent, Base
from tests.services.identity.test_sessions import ADA, PHRASE, SECOND, World
from tests.support.factories import NOW

GOOD = Vouched(email=ADA.upper(), verified=True, proof="https://id.example n-1", issued_at=NOW)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_a_known_user_gets_a_session_like_any_other(world: World) -> None:
    token = world.sessions.redeem(world.sessions.admit(GOOD, client="203.0.113.7") or "")
    signed_in = world.sessions.resolve(token or "")
    assert signed_in is not None
    assert signed_in.person == world.ada
    world.clock.advance(IDLE)
    assert world.sessions.resolve(token or "") is None
    with world.database.read(world.owner) as scope:
        found = scope.execute(select(AuditEvent.action, AuditEvent.after).order_by(AuditEvent.id.desc()).limit(1))
        assert found.one() == ("sign_in.succeeded", {"client": "203.0.113.7", "by": "identity provider"})


def test_a_word_counts_once_and_for_minutes(world: World) -> None:
    assert world.sessions.admit(GOOD)
    for _ in range(MAX_FAILURES + 1):  # as often as the page is drawn
        assert world.sessions.admit(GOOD) is None
    assert world.sessions.admit(replace(GOOD, proof="n-2"))
    world.clock.advance(VOUCHED_LIFE)
    assert world.sessions.admit(replace(GOOD, proof="n-3"))
    world.clock.advance(SECOND)
    assert world.sessions.admit(replace(GOOD, proof="n-4")) is None
    assert world.sessions.admit(replace(GOOD, proof="n-5", issued_at=world.clock() + timedelta(minutes=3))) is None
    assert VOUCHED_LIFE < WINDOW  # in which a used word is known


def test_nobody_else_is_let_in_and_all_take_as_long(world: World, figure: Callable[[str], None]) -> None:
    access, owner = world.access, world.owner
    access.add_user(owner, "off@example.com", role=Role.MEMBER, password=PHRASE)
    access.set_disabled("off@example.com", disabled=True)
    access.add_user(owner, "left@example.com", role=Role.MEMBER, password=PHRASE)
    with world.database.identity(write=True) as identity:
        identity.ensure_owners(owner.tenant_id, ["imported@example.com"], world.clock())
        identity.unassigned_owner(owner.tenant_id, world.clock())
        left = identity.find_user("left@example.com")
        assert left is not None
        identity.roster.remove(owner.tenant_id, left.id)
    nobody = f"unassigned@{owner.tenant_id.lower()}.invalid"
    refused = [
        replace(GOOD, email=email, proof=email)
        for email in ("off@example.com", "left@example.com", "imported@example.com", nobody, "new@example.com", "", "x")
    ]
    refused.append(replace(GOOD, verified=False, proof="n-2"))
    world.slept.clear()
    assert [each for each in refused if world.sessions.admit(each)] == []
    assert len(world.slept) == len(refused)
    assert all(0 < waited <= FLOOR_S for waited in world.slept)
    table = Base.metadata.tables["User"]
    with world.database.engine.connect() as connection:
        assert "new@example.com" not in connection.execute(select(table.c.email)).scalars().all()
    figure(f"{len(refused)} whom the provider names and we do not know: 0 let in, 0 made")


def test_a_closed_account_stays_closed(world: World) -> None:
    world.fail(MAX_FAILURES)
    assert world.sessions.admit(GOOD) is None
    world.clock.advance(WINDOW)
    assert world.sessions.admit(replace(GOOD, proof="n-2", issued_at=world.clock()))
