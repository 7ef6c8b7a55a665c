"""Twenty processes ask for one account at once: the model is asked once, and all get the same row."""

import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType
from unittest.mock import patch

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.llm.usage import Fault
from cs_ml.store.database import Database
from tests.llm.server import Canned, FakeServer
from tests.services.llm.crowd import START_S, Crowd, Got
from tests.services.llm.faulty import GOOD, REFUSAL
from tests.services.llm.modelled import events, modelled
from tests.services.predictions.predicting import claims, stored
from tests.support.factories import add_account, add_tenant

MANY = 20
THINKING_S = 3.0


def ask_at_once(url: str, model_url: str, actor: Actor, account: int, *, refresh: bool = False) -> Sequence[Got]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.services.llm.crowd"])  # imported once instead of by each of them
    crowd = Crowd(
        url=url,
        model_url=model_url,
        actor=actor,
        account_id=account,
        refresh=refresh,
        start=context.Barrier(MANY),
        answers=context.Queue(),
    )
    processes = [context.Process(target=crowd.run) for _ in range(MANY)]
    # A page test leaves the app's script behind as the main module, which each process would run first.
    with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
        for process in processes:
            process.start()
    got = [crowd.answers.get(timeout=START_S) for _ in processes]
    for process in processes:
        process.join(START_S)
        assert process.exitcode == 0
    return got


def after(sent: Canned) -> Canned:
    return replace(sent, delay_s=THINKING_S)


@pytest.mark.parametrize(
    ("sent", "expected"), [(GOOD, ("llm", None)), (REFUSAL, ("rules", Fault.REFUSED))], ids=["good", "refusal"]
)
def test_the_model_is_asked_once(
    database: Database, database_url: str, server: FakeServer, sent: Canned, expected: tuple[str, str | None]
) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    server.script(after(sent))
    got = ask_at_once(database_url, server.url, actor, account)
    assert len(server.requests) == len(events(database, actor)) == 1
    assert len({one.id for one in got}) == 1
    assert {(one.engine, one.reason) for one in got} == {expected}
    assert (stored(database, actor), claims(database, actor)) == (1, 0)


def test_a_refusal_is_not_asked_for_again_by_those_who_waited(
    database: Database, database_url: str, server: FakeServer
) -> None:
    """All want a new one; the model's valid answer stays, and the only new row is a fallback that nobody is served."""
    actor = add_tenant(database)
    account = add_account(database, actor)
    server.script(GOOD, after(REFUSAL))
    with modelled(database, server.url, lambda: datetime.now(UTC)) as service:
        first = service.predict(actor, account)
    got = ask_at_once(database_url, server.url, actor, account, refresh=True)
    assert len(server.requests) == len(events(database, actor)) == 2
    assert {(one.id, one.engine, one.reason) for one in got} == {(first.id, "llm", Fault.REFUSED)}
    assert (stored(database, actor), claims(database, actor)) == (2, 0)
