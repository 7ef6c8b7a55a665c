"""How long a sign-in takes tells nothing, and what is stored of a password."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Barrier

import pytest
from sqlalchemy import select

from cs_ml.services.identity import pacing
from cs_ml.services.identity.pacing import FLOOR_S, MOST_S, Pace
from cs_ml.services.identity.sessions import SessionService
from cs_ml.store.database import Database
from cs_ml.store.tables import Base, Credential
from tests.services.identity.test_sessions import ADA, PHRASE, World

TOLERANCE_S = 0.025
TRIES = 40


def test_no_answer_tells_by_its_time_who_exists(
    database: Database, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    """Wrong password, nobody of that name, switched off, locked: tried at the same moment, so that whatever else the
    machine does slows all of them alike. Times are compared in `make security` alone, for they need a machine that is
    not overloaded."""
    world = World(database)
    sessions = SessionService(database, world.clock, world.access, key=b"k" * 32)
    world.access.add_user(world.owner, "off@example.com", role=world.owner.role, password=PHRASE)
    world.access.set_disabled("off@example.com", disabled=True)
    world.fail(5, "locked@example.com")
    chance = random.Random(7)
    kinds = {"wrong": ADA, "unknown": "nobody@example.com", "off": "off@example.com", "locked": "locked@example.com"}
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    table = Base.metadata.tables["SignInThrottle"]

    def attempt(kind: str) -> None:
        together.wait()
        began = time.monotonic()
        assert sessions.sign_in(kinds[kind], "not the phrase at all") is None
        took[kind].append(time.monotonic() - began)

    def tries(times: int) -> None:
        for _ in range(times):
            order = chance.sample(list(kinds), len(kinds))  # who is woken first is not who was asked for first
            assert len(list(pool.map(attempt, order))) == len(kinds)
            with database.engine.begin() as connection:  # so that nobody but the locked one is locked
                connection.execute(table.update().where(table.c.failures < 5).values(failures=0, consecutive=0))
        assert min(map(min, took.values())) >= FLOOR_S * 0.99

    with ThreadPoolExecutor(len(kinds)) as pool:
        together = Barrier(len(kinds))
        tries(TRIES if at_full_size else 1)
    if at_full_size:
        medians = [median(times) for times in took.values()]
        apart = max(medians) - min(medians)
        assert apart <= min(TOLERANCE_S, 0.05 * min(medians))
        figure(f"{database.dialect}: {TRIES} tries of each of {len(kinds)} kinds, medians {apart * 1000:.1f} ms apart")


def test_on_a_slow_machine_all_wait_for_the_slowest_of_late(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [0.0], list[float]()
    monkeypatch.setattr(pacing, "monotonic", lambda: now[0])
    pace = Pace(slept.append)

    def lasts(work: float) -> float:
        with pace.kept():
            now[0] += work
        return work + slept[-1]

    assert [lasts(work) for work in (0.1, 0.7, 1.5, 0.1, 0.7)] == pytest.approx([FLOOR_S, FLOOR_S, 2.0, 2.0, 2.0])
    now[0] += 301
    assert lasts(0.1) == pytest.approx(FLOOR_S)
    assert [lasts(work) for work in (4.9, 0.1)] == pytest.approx([MOST_S, MOST_S])


def test_what_is_stored_is_argon2id_of_todays_cost(database: Database) -> None:
    world = World(database)
    with database.engine.connect() as connection:
        stored = connection.execute(select(Credential.password_hash)).scalars().all()
    assert world.ada.id
    assert len(stored) == 1
    kind, version, costs = stored[0].split("$")[1:4]
    cost = dict(part.split("=") for part in costs.split(","))
    assert (kind, version) == ("argon2id", "v=19")
    assert int(cost["m"]) >= 19 * 1024
    assert int(cost["t"]) >= 2
    assert int(cost["p"]) >= 1
