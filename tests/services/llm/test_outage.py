"""The database goes away while the model thinks: its answer is not lost, and nobody sees an error."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from cs_ml.services.llm.outage import TRIES
from cs_ml.store.database import Database, create_store_engine
from tests.e2e.server import free_port
from tests.llm.server import Canned, FakeServer
from tests.services.llm.faulty import GOOD
from tests.services.llm.modelled import events, modelled
from tests.services.predictions.predicting import TestClock, claims, stored
from tests.support.factories import add_account, add_tenant


@dataclass
class Outage:
    """Writing fails from the model's answer on, until somebody waited `waits` times. `slept`: the waits."""

    database: Database
    waits: int
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._up = self.database._writing

    def answer(self, _body: Mapping[str, Any]) -> Canned:
        nobody = create_store_engine(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
        self.database._writing = nobody.execution_options()
        return GOOD

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self.waits:
            self.end()

    def end(self) -> None:
        self.database._writing = self._up


def test_a_short_outage_is_waited_for(database: Database, server: FakeServer) -> None:
    actor = add_tenant(database)
    account, outage = add_account(database, actor), Outage(database, waits=2)
    server.answer_by(outage.answer)
    with modelled(database, server.url, TestClock(), sleep=outage.sleep) as service:
        found = service.predict(actor, account)
        assert found.provenance.engine == "llm"
        assert "unsaved" not in found.doubts
        assert service.predict(actor, account).id == found.id
    assert len(outage.slept) == 2
    assert [event[0] for event in events(database, actor)] == [True]
    assert (stored(database, actor), claims(database, actor)) == (1, 0)


def test_in_a_long_one_the_answer_is_shown_unsaved_and_its_cost_logged(
    database: Database, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    actor = add_tenant(database)
    account, outage = add_account(database, actor), Outage(database, waits=0)
    server.answer_by(outage.answer)
    with modelled(database, server.url, TestClock(), sleep=outage.sleep) as service:
        found = service.predict(actor, account)
        outage.end()
        assert (found.id, found.provenance.engine, found.doubts[-1]) == (None, "llm", "unsaved")
        assert len(outage.slept) == 2 * (TRIES - 1)
        booking, saving = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert booking.endswith(f"of 920 tokens could not be booked, cost {found.provenance.cost} USD")
        assert saving == f"a prediction of account {account} could not be saved"
        assert (events(database, actor), stored(database, actor)) == ([], 0)
        server.script(GOOD)
        slept = len(outage.slept)
        assert service.predict(actor, account).id is not None
        assert len(outage.slept) == slept  # nobody waits for the claim of who could not end it
    assert (stored(database, actor), claims(database, actor)) == (1, 0)
