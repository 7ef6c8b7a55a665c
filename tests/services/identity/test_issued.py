"""Passwords that the product makes up: for 72 hours, and for one purpose, to choose another."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from cs_ml.domain.actor import Role
from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.audit_log import AuditQuery
from cs_ml.domain.identity.sessions import Vouched
from cs_ml.services.identity.access import ISSUED_HOURS
from cs_ml.services.identity.audit import AuditService
from cs_ml.store.database import Database
from tests.services.identity.test_sessions import ADA, PHRASE, SECOND, World

BEA = "bea@example.com"
OWN = "seven copper kettles drift"
LIFE = timedelta(hours=ISSUED_HOURS)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def issued(world: World) -> str:
    """Bea's password, as an administrator gets it."""
    password = world.access.add_user(world.owner, BEA, role=Role.MEMBER).password
    assert password is not None
    return password


def enter(world: World, password: str, email: str = BEA) -> str | None:
    """A session's token, the way a browser gets one."""
    ticket = world.sessions.sign_in(email, password)
    return world.sessions.redeem(ticket) if ticket else None


def by_operator(world: World) -> tuple[str, str]:
    return ADA, world.access.set_password(ADA) or ""


def by_administrator(world: World) -> tuple[str, str]:
    return BEA, issued(world)


def again(world: World) -> tuple[str, str]:
    """Who let the first one run out is added once more."""
    issued(world)
    world.clock.advance(LIFE)
    return BEA, issued(world)


@pytest.mark.parametrize("make", [by_operator, by_administrator, again])
def test_it_holds_for_72_hours(world: World, make: Callable[[World], tuple[str, str]]) -> None:
    email, password = make(world)
    world.clock.advance(LIFE - SECOND)
    assert world.access.verify(email, password)
    assert enter(world, password, email)
    world.clock.advance(2 * SECOND)
    assert world.access.verify(email, password) is None
    assert enter(world, password, email) is None


def test_one_that_has_run_out_is_answered_and_noted_like_a_wrong_one(world: World) -> None:
    password = issued(world)
    world.clock.advance(LIFE)
    for tried in (password, "wrong"):
        assert world.sessions.sign_in(BEA, tried) is None
    assert len(world.slept) == 2
    assert min(world.slept) > 0  # both are made to last as long
    log = AuditService(world.database, world.clock).page(world.owner, AuditQuery(subject="sign_in"))
    assert [record.action for record in log.records] == ["sign_in.failed", "sign_in.failed"]


def test_its_session_opens_nothing_until_a_password_is_chosen(world: World) -> None:
    password = issued(world)
    token = enter(world, password) or ""
    assert world.sessions.resolve(token) is None
    person = world.sessions.must_choose(token)
    assert person is not None
    assert person.email == BEA
    for bad in ("short", "bea@example.com bea", password):
        with pytest.raises(Invalid):
            world.sessions.choose_password(token, bad)
    assert world.sessions.must_choose(token) == person

    chosen = world.sessions.redeem(world.sessions.choose_password(token, OWN) or "")
    found = world.sessions.resolve(chosen or "")
    assert found is not None
    assert (found.person, found.actor.role) == (person, Role.MEMBER)
    assert world.sessions.must_choose(token) is None
    assert world.sessions.resolve(token) is None
    assert world.sessions.choose_password(token, PHRASE) is None
    assert enter(world, password) is None
    world.clock.advance(2 * LIFE)
    assert world.sessions.resolve(enter(world, OWN) or "")
    log = AuditService(world.database, world.clock).page(world.owner, AuditQuery(subject="user"))
    noted = [(r.action, r.entity_id, r.user_id) for r in log.records if r.action == "user.password_changed"]
    assert noted == [("user.password_changed", str(person.id), person.id)]


def test_the_choice_ends_with_the_password(world: World) -> None:
    password = issued(world)
    world.clock.advance(LIFE - SECOND)
    token = enter(world, password) or ""
    assert world.sessions.must_choose(token)
    world.clock.advance(SECOND)
    assert world.sessions.must_choose(token) is None
    assert world.sessions.choose_password(token, OWN) is None


def test_every_open_choice_ends_with_the_first_that_is_made(world: World) -> None:
    password = issued(world)
    mine, other = enter(world, password) or "", enter(world, password) or ""
    assert world.sessions.choose_password(mine, OWN)
    assert world.sessions.must_choose(other) is None
    assert world.sessions.choose_password(other, PHRASE) is None
    assert world.access.verify(BEA, OWN)


def test_a_password_that_was_given_asks_for_nothing(world: World) -> None:
    issued(world)
    world.access.set_password(BEA, PHRASE)
    world.clock.advance(2 * LIFE)
    token = enter(world, PHRASE) or ""
    assert world.sessions.resolve(token)
    assert world.sessions.must_choose(token) is None
    assert world.sessions.choose_password(token, OWN) is None


def test_one_that_still_holds_is_not_replaced_by_a_tenant(world: World) -> None:
    password = issued(world)
    assert world.access.add_user(world.owner, BEA, role=Role.VIEWER).password is None
    assert world.access.verify(BEA, password)


def test_a_new_hash_of_it_holds_no_longer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    password = issued(world)
    monkeypatch.setattr(world.access._hasher, "is_outdated", lambda _: True)
    assert world.access.verify(BEA, password)
    assert world.sessions.resolve(enter(world, password) or "") is None
    world.clock.advance(LIFE)
    assert world.access.verify(BEA, password) is None


def test_whom_the_provider_names_needs_no_password(world: World) -> None:
    issued(world)
    good = Vouched(email=BEA, verified=True, proof="https://id.example n-1", issued_at=world.clock.now)
    for number, wait in enumerate((timedelta(0), LIFE)):
        world.clock.advance(wait)
        word = replace(good, proof=f"https://id.example n-{number}", issued_at=world.clock.now)
        token = world.sessions.redeem(world.sessions.admit(word) or "") or ""
        assert world.sessions.resolve(token)
        assert world.sessions.must_choose(token) is None


def test_members_are_listed_with_the_end_of_what_they_were_given(world: World) -> None:
    issued(world)

    def ends() -> dict[str, datetime | None]:
        with world.database.identity() as identity:
            return {m.person.email: m.issued_until for m in identity.roster.list(world.owner.tenant_id)}

    assert (ends()[BEA], ends()[ADA]) == (world.clock.now + LIFE, None)
    world.access.set_password(BEA, OWN)
    assert ends()[BEA] is None
