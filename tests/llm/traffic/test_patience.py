"""Callers that come back later do not wait for a busy server, and are told when to come."""

import pytest

from cs_ml.domain.llm.usage import Fault
from tests.llm.asking import VALID, asking
from tests.llm.server import FakeServer, answer, error

GOOD = answer(VALID)
BUSY = error(429, "rate_limit_exceeded", retry_after="0.5")


def test_the_impatient_wait_for_a_busy_server_and_the_patient_do_not(server: FakeServer) -> None:
    server.script(BUSY, GOOD)
    with asking(server.url) as asker:
        asker.ask()
        assert (len(server.requests), asker.slept) == (2, [0.5])
    server.requests.clear()
    with asking(server.url) as asker:
        failure = asker.fail(patient=True)
        assert (len(server.requests), asker.slept) == (1, [])
    assert (failure.reason, failure.retry_after and failure.retry_after.total_seconds()) == (Fault.RATE_LIMITED, 0.5)
    assert [attempt.error_type for attempt in failure.attempts] == [Fault.RATE_LIMITED]


def test_while_the_model_is_left_alone_the_patient_come_back_later(server: FakeServer) -> None:
    server.script(error(503))
    with asking(server.url) as asker:
        while asker.client.breaker_state().kind == "closed":
            asker.fail(patient=True)
        failure = asker.fail(patient=True)
    assert failure.reason == Fault.BREAKER_OPEN
    assert failure.retry_after is not None
    assert 0 < failure.retry_after.total_seconds() <= 30


@pytest.mark.parametrize("sent", [error(401, "invalid_api_key"), error(503)])
def test_what_waiting_does_not_mend_is_no_reason_to_come_back(server: FakeServer, sent: object) -> None:
    server.script(sent)  # type: ignore[arg-type]
    with asking(server.url) as asker:
        assert asker.fail(patient=True).retry_after is None
        assert asker.fail(patient=False).retry_after is None
