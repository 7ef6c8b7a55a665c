"""Sign-in, sessions and their ends, by a clock that stands still unless a test moves it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Table, select

from cs_ml.domain.actor import Role
from cs_ml.domain.errors import NotFound
from cs_ml.services.identity.access import AccessService
from cs_ml.services.identity.pacing import FLOOR_S
from cs_ml.services.identity.sessions import (
    ABSOLUTE,
    IDLE,
    MAX_CONSECUTIVE,
    MAX_FAILURES,
    TICKET_LIFE,
    WINDOW,
    SessionService,
)
from cs_ml.store.database import Database
from cs_ml.store.tables import Base
from tests.support.factories import NOW, add_tenant

PHRASE = "violet otters juggle quietly"
ADA = "ada@example.com"
SECOND = timedelta(seconds=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class World:
    """One tenant with one user, Ada, and the services over it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.slept: list[float] = []
        self.access = AccessService(database, self.clock)
        self.sessions = self.service(b"k" * 32)
        self.owner = add_tenant(database)
        self.ada = self.access.add_user(self.owner, ADA, role=Role.MEMBER, password=PHRASE).person

    def service(self, key: bytes) -> SessionService:
        return SessionService(self.database, self.clock, self.access, key=key, sleep=self.slept.append)

    def open(self) -> str:
        """A session's token, without the work of a sign-in."""
        token = self.sessions.redeem(self.sessions._ticket(self.ada))
        assert token is not None
        return token

    def fail(self, times: int, email: str = ADA) -> None:
        for _ in range(times):
            assert self.sessions.sign_in(email, "wrong") is None


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_a_ticket_opens_one_session(world: World) -> None:
    ticket = world.sessions.sign_in(" Ada@Example.com", PHRASE)
    assert ticket is not None
    token = world.sessions.redeem(ticket)
    assert world.sessions.redeem(ticket) is None
    signed_in = world.sessions.resolve(token or "")
    assert signed_in is not None
    assert (signed_in.person, signed_in.actor.role) == (world.ada, Role.MEMBER)
    assert signed_in.actor.tenant_id == world.owner.tenant_id


@pytest.mark.parametrize("made_up", ["", "x", "é" * 99, "a" * 5_000])
def test_what_was_never_given_out_opens_nothing(world: World, made_up: str) -> None:
    assert world.sessions.redeem(made_up) is None
    assert world.sessions.resolve(made_up) is None
    world.sessions.end(made_up)


def test_of_many_at_once_one_gets_the_session(world: World) -> None:
    ticket = world.sessions._ticket(world.ada)
    with ThreadPoolExecutor(20) as pool:
        tokens = [token for token in pool.map(world.sessions.redeem, [ticket] * 20) if token]
    assert len(tokens) == 1


def test_a_ticket_runs_out(world: World) -> None:
    early, late = world.sessions._ticket(world.ada), world.sessions._ticket(world.ada)
    world.clock.advance(TICKET_LIFE - SECOND)
    assert world.sessions.redeem(early)
    world.clock.advance(SECOND)
    assert world.sessions.redeem(late) is None


def test_an_idle_session_ends(world: World) -> None:
    token = world.open()
    for _ in range(3):
        world.clock.advance(IDLE - SECOND)
        assert world.sessions.resolve(token)
    world.clock.advance(IDLE)
    assert world.sessions.resolve(token) is None


def test_no_session_outlives_the_day(world: World) -> None:
    token = world.open()
    ends = world.clock.now + ABSOLUTE
    while world.clock.now < ends - IDLE:
        world.clock.advance(IDLE - SECOND)
        assert world.sessions.resolve(token)
    world.clock.now = ends - SECOND
    assert world.sessions.resolve(token)
    world.clock.now = ends
    assert world.sessions.resolve(token) is None


def raise_role(world: World) -> None:
    world.access.add_user(world.owner, ADA, role=Role.ADMIN)


def suspend(world: World) -> None:
    with world.database.engine.begin() as connection:
        table = Base.metadata.tables["Tenant"]
        connection.execute(table.update().where(table.c.id == world.owner.tenant_id).values(status="SUSPENDED"))


def switch_off_and_on(world: World) -> None:
    world.access.set_disabled(ADA, disabled=True)
    world.access.set_disabled(ADA, disabled=False)


ENDS: dict[str, Callable[[World, str], object]] = {
    "sign-out": lambda world, token: world.sessions.end(token),
    "password change": lambda world, _: world.access.set_password(ADA, "another phrase altogether"),
    "disabled": lambda world, _: world.access.set_disabled(ADA, disabled=True),
    "disabled and enabled": lambda world, _: switch_off_and_on(world),
    "role change": lambda world, _: raise_role(world),
    "tenant suspended": lambda world, _: suspend(world),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_captured_token_is_worth_nothing_after(world: World, end: Callable[[World, str], object]) -> None:
    token = world.open()
    assert world.sessions.resolve(token)
    end(world, token)
    assert world.sessions.resolve(token) is None


def test_signing_out_leaves_other_browsers_alone(world: World) -> None:
    first, second = world.open(), world.open()
    world.sessions.end(first)
    assert world.sessions.resolve(second)


def test_a_new_password_voids_tickets(world: World) -> None:
    ticket = world.sessions._ticket(world.ada)
    world.access.set_password(ADA, "another phrase altogether")
    assert world.sessions.redeem(ticket) is None


def test_another_key_opens_nothing(world: World) -> None:
    assert world.service(b"z" * 32).resolve(world.open()) is None


def test_nothing_that_a_browser_holds_is_stored(world: World) -> None:
    ticket, token = world.sessions._ticket(world.ada), world.open()
    world.fail(1)
    with world.database.engine.connect() as connection:
        tables: list[Table] = list(Base.metadata.tables.values())
        stored = "".join(str(connection.execute(select(table)).all()) for table in tables if "SignIn" in table.name)
    assert world.ada.email == ADA
    assert not any(secret in stored for secret in (ticket, token, ADA))


def test_five_failures_close_an_account_for_the_rest_of_the_window(world: World) -> None:
    world.fail(MAX_FAILURES)
    assert world.sessions.sign_in(ADA, PHRASE) is None
    world.clock.advance(WINDOW - SECOND)
    assert world.sessions.sign_in(ADA.upper(), PHRASE) is None
    world.clock.advance(SECOND)
    assert world.sessions.sign_in(ADA, PHRASE)


def test_four_failures_close_nothing_and_success_forgives(world: World) -> None:
    for _ in range(2):
        world.fail(MAX_FAILURES - 1)
        assert world.sessions.sign_in(ADA, PHRASE)


def test_parallel_failures_all_count(world: World) -> None:
    with ThreadPoolExecutor(20) as pool:
        assert not any(pool.map(lambda _: world.sessions.sign_in(ADA, "wrong"), range(20)))
    assert world.sessions.sign_in(ADA, PHRASE) is None
    with world.database.engine.connect() as connection:
        table = Base.metadata.tables["SignInThrottle"].c
        of_account = select(table.failures).where(table.consecutive > 0)
        assert connection.execute(of_account).scalar_one() == 21


def test_after_a_hundred_guesses_only_an_operator_helps(world: World) -> None:
    table = Base.metadata.tables["SignInThrottle"]
    world.fail(1)
    with world.database.engine.begin() as connection:
        connection.execute(table.update().values(consecutive=MAX_CONSECUTIVE, failures=1))
    world.clock.advance(WINDOW)
    assert world.sessions.sign_in(ADA, PHRASE) is None
    world.access.set_password(ADA, PHRASE)
    assert world.sessions.sign_in(ADA, PHRASE)


def test_known_and_unknown_accounts_close_alike(world: World) -> None:
    world.fail(MAX_FAILURES + 2)
    world.fail(MAX_FAILURES + 2, "nobody@example.com")
    table = Base.metadata.tables["SignInThrottle"].c
    with world.database.engine.connect() as connection:
        query = select(table.windowStartedAt, table.failures, table.consecutive).where(table.consecutive > 0)
        rows = connection.execute(query).all()
    assert rows[0] == rows[1] == (NOW, MAX_FAILURES + 2, MAX_FAILURES)


def test_every_attempt_takes_as_long(world: World) -> None:
    for email, password in ((ADA, PHRASE), (ADA, "wrong"), ("nobody@example.com", "wrong")):
        world.slept.clear()
        world.sessions.sign_in(email, password)
        assert 0 < world.slept[0] <= FLOOR_S


def test_the_tenant_is_chosen_among_ones_own(world: World) -> None:
    second, foreign = add_tenant(world.database, name="zz"), add_tenant(world.database)
    world.access.add_user(second, ADA, role=Role.VIEWER, scope="owned")
    token = world.open()
    world.sessions.choose_tenant(token, second.tenant_id)
    signed_in = world.sessions.resolve(token)
    assert signed_in is not None
    assert (signed_in.actor.tenant_id, signed_in.actor.role, signed_in.actor.scope) == (
        second.tenant_id,
        Role.VIEWER,
        "owned",
    )
    assert {m.tenant.id for m in signed_in.memberships} == {world.owner.tenant_id, second.tenant_id}
    with pytest.raises(NotFound):
        world.sessions.choose_tenant(token, foreign.tenant_id)
    assert world.sessions.resolve(token) == signed_in


def test_what_has_ended_is_removed(world: World) -> None:
    world.open()
    world.fail(1, "nobody@example.com")
    world.clock.advance(timedelta(days=31))
    world.fail(1)
    with world.database.engine.connect() as connection:
        left = {
            name: len(connection.execute(select(table)).all())
            for name, table in Base.metadata.tables.items()
            if name.startswith("SignIn")
        }
    assert left == {"SignInSession": 0, "SignInTicket": 0, "SignInThrottle": 2}  # the account's, and everybody's
