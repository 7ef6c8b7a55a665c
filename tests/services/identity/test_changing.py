"""Another password of somebody who is signed in: who knows the present one may choose, and every session ends."""

from collections.abc import Callable, Sequence

import pytest

from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.audit_log import AuditQuery
from cs_ml.services.identity.audit import AuditService
from cs_ml.services.identity.sessions import MAX_FAILURES, WINDOW
from cs_ml.store.database import Database
from tests.services.identity.test_sessions import ADA, PHRASE, SECOND, World

OWN = "seven copper kettles drift"


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def noted(world: World) -> Sequence[tuple[str, object]]:
    log = AuditService(world.database, world.clock).page(world.owner, AuditQuery())
    return [(one.action, one.after) for one in log.records if one.entity_id == str(world.ada.id)][::-1]


def test_who_knows_the_present_one_chooses_another_and_goes_on(world: World) -> None:
    mine, elsewhere = world.open(), world.open()
    before = len(noted(world))
    ticket = world.sessions.change_password(mine, PHRASE, OWN, client="10.0.0.1")
    assert [world.sessions.resolve(token) for token in (mine, elsewhere)] == [None, None]
    found = world.sessions.resolve(world.sessions.redeem(ticket or "") or "")
    assert found is not None
    assert found.person == world.ada
    assert world.access.verify(ADA, OWN)
    assert world.access.verify(ADA, PHRASE) is None
    assert noted(world)[before:] == [
        ("user.password_changed", None),
        ("sign_in.succeeded", {"client": "10.0.0.1", "by": "new password"}),
    ]


def test_a_wrong_one_counts_like_a_failed_sign_in(world: World) -> None:
    """So a session that was left open is no way to guess."""
    token = world.open()
    before = len(noted(world))
    for _ in range(MAX_FAILURES):
        assert world.sessions.change_password(token, "wrong", OWN) is None
    assert world.sessions.change_password(token, PHRASE, OWN) is None
    assert world.sessions.sign_in(ADA, PHRASE) is None
    assert world.access.verify(ADA, PHRASE)
    by = {"by": "present password"}
    assert noted(world)[before:] == [*[("sign_in.failed", by)] * MAX_FAILURES, ("sign_in.locked", by)]
    world.clock.advance(WINDOW + SECOND)
    assert world.sessions.change_password(token, PHRASE, OWN)


@pytest.mark.parametrize("bad", ["short", "ada@example.com ada", PHRASE, "password password"])
def test_one_that_will_not_do_changes_and_counts_nothing(world: World, bad: str) -> None:
    token = world.open()
    for _ in range(MAX_FAILURES + 1):
        with pytest.raises(Invalid):
            world.sessions.change_password(token, PHRASE, bad)
    assert world.sessions.resolve(token)
    assert world.sessions.change_password(token, PHRASE, OWN)


def never_was(_: World) -> tuple[str, str]:
    return "x" * 43, PHRASE


def has_ended(world: World) -> tuple[str, str]:
    token = world.open()
    world.sessions.end(token)
    return token, PHRASE


def must_choose(world: World) -> tuple[str, str]:
    """By an issued password: the other form is for them."""
    password = world.access.set_password(ADA) or ""
    return world.sessions.redeem(world.sessions.sign_in(ADA, password) or "") or "", password


@pytest.mark.parametrize("make", [never_was, has_ended, must_choose])
def test_it_needs_a_session(world: World, make: Callable[[World], tuple[str, str]]) -> None:
    token, present = make(world)
    assert world.sessions.change_password(token, present, OWN) is None
    assert world.access.verify(ADA, OWN) is None


def test_right_and_wrong_last_as_long(world: World) -> None:
    token = world.open()
    world.sessions.change_password(token, "wrong", OWN)
    world.sessions.change_password(token, PHRASE, OWN)
    assert len(world.slept) == 2
    assert min(world.slept) > 0
