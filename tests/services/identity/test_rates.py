"""Rates of failed sign-ins that many accounts share, and what is noted of sign-ins."""

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import select

from cs_ml.services.identity.sessions import MAX_FAILURES_OF_ALL, MAX_FAILURES_OF_CLIENT, WINDOW
from cs_ml.store.database import Database
from cs_ml.store.tables import AuditEvent, Base
from tests.services.identity.test_sessions import ADA, PHRASE, SECOND, World

OFFICE = "203.0.113.7"


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    """Guesses are counted and judged, and not hashed: that takes a second each."""
    made = World(database)
    verify = made.access.verify
    monkeypatch.setattr(made.access, "verify", lambda email, word: None if word == "wrong" else verify(email, word))
    return made


def guess(world: World, times: int, client: str | None) -> None:
    for number in range(times):
        assert world.sessions.sign_in(f"nobody{number}@example.com", "wrong", client=client) is None


def already(world: World, client: str | None, failures: int) -> None:
    """As if that many had failed in this window."""
    guess(world, 1, client)
    table = Base.metadata.tables["SignInThrottle"]
    with world.database.engine.begin() as connection:
        connection.execute(table.update().where(table.c.consecutive == 0).values(failures=failures))


def test_an_address_that_failed_too_often_is_refused_and_others_are_not(
    world: World, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    if at_full_size:
        guess(world, MAX_FAILURES_OF_CLIENT, OFFICE)
        figure(f"{MAX_FAILURES_OF_CLIENT} wrong ones over as many accounts, then 0 of 1 right ones from that address")
    else:
        already(world, OFFICE, MAX_FAILURES_OF_CLIENT)
    assert world.sessions.sign_in(ADA, PHRASE, client=OFFICE) is None
    assert world.sessions.sign_in(ADA, PHRASE, client="203.0.113.8")
    world.clock.advance(WINDOW - SECOND)
    assert world.sessions.sign_in(ADA, PHRASE, client=OFFICE) is None
    world.clock.advance(SECOND)
    assert world.sessions.sign_in(ADA, PHRASE, client=OFFICE)


def test_all_together_have_a_rate_too(world: World) -> None:
    already(world, None, MAX_FAILURES_OF_ALL)
    assert world.sessions.sign_in(ADA, PHRASE, client=OFFICE) is None
    world.clock.advance(WINDOW)
    assert world.sessions.sign_in(ADA, PHRASE, client=OFFICE)


def test_a_success_counts_to_no_rate(world: World) -> None:
    already(world, OFFICE, MAX_FAILURES_OF_CLIENT - 1)
    for _ in range(3):
        assert world.sessions.sign_in(ADA, PHRASE, client=OFFICE)


def test_sign_ins_are_noted_and_a_lock_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    token = world.sessions.redeem(world.sessions.sign_in(ADA, PHRASE, client=OFFICE) or "")
    world.sessions.end(token or "")
    world.fail(9)
    with caplog.at_level(logging.WARNING, "cs_ml"):
        world.fail(1, "nobody@example.com")
    with world.database.read(world.owner) as scope:
        query = select(AuditEvent.action, AuditEvent.user_id, AuditEvent.after).order_by(AuditEvent.id)
        noted = [tuple(row) for row in scope.execute(query) if row.action != "member.added"]
    ada = world.ada.id
    assert noted == [
        ("sign_in.succeeded", ada, {"client": OFFICE}),
        ("session.ended", ada, None),
        *[("sign_in.failed", None, None)] * 5,
        ("sign_in.locked", None, None),
    ]
    assert "does not exist" in caplog.text
    assert "nobody@" not in caplog.text


def test_an_operator_sees_and_ends_sessions(world: World) -> None:
    tokens = [world.open(), world.open()]
    assert len(world.access.open_sessions(ADA, idle=WINDOW)) == 2
    world.fail(6)
    world.access.reset(ADA)
    assert world.access.open_sessions(ADA, idle=WINDOW) == []
    assert not any(map(world.sessions.resolve, tokens))
    assert world.sessions.sign_in(ADA, PHRASE)
