"""The test call: whether the model answers, who may ask, and its place in the books."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import EngineUnavailable, Forbidden
from cs_ml.domain.llm.usage import FAULT_SENTENCES, Fault, UsageSum
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.llm.trial import TrialService
from cs_ml.services.llm.usage import UsageService
from cs_ml.store.database import Database
from tests.llm.asking import asking
from tests.llm.server import FakeServer, answer, error, running_server
from tests.support.factories import NOW, add_tenant

STATUS = {Fault.KEY_REFUSED: 401, Fault.PERMISSION: 403, Fault.MODEL_NOT_FOUND: 404}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with running_server() as fake:
        yield fake
    assert fake.invalid == []


@pytest.fixture
def usage(database: Database) -> UsageService:
    return UsageService(database, lambda: NOW)


@pytest.fixture
def trial(server: FakeServer, usage: UsageService) -> Iterator[TrialService]:
    with asking(server.url) as asker:
        yield TrialService(asker.client, usage)


def booked(usage: UsageService, actor: Actor) -> list[UsageSum]:
    return list(usage.sums(actor, NOW - timedelta(days=1), NOW + timedelta(days=1)))


def test_a_model_that_answers_works_and_is_booked(
    database: Database, server: FakeServer, trial: TrialService, usage: UsageService
) -> None:
    actor = add_tenant(database)
    server.script(answer({"word": "ready"}))
    done = trial.call(actor)
    assert done.value.word == "ready"
    (line,) = booked(usage, actor)
    assert (line.operation, line.attempts, line.failed) == ("test-call", 1, 0)
    assert done.cost is not None
    assert round(line.cost, 6) == round(done.cost, 6) > 0
    assert len(server.requests[0].raw) < 1_000


@pytest.mark.parametrize("fault", list(STATUS))
def test_a_model_that_does_not_says_why_and_is_booked(
    database: Database, server: FakeServer, trial: TrialService, usage: UsageService, fault: Fault
) -> None:
    actor = add_tenant(database)
    server.script(error(STATUS[fault]))
    with pytest.raises(EngineUnavailable) as failed:
        trial.call(actor)
    assert failed.value.message == FAULT_SENTENCES[fault]
    (line,) = booked(usage, actor)
    assert (line.operation, line.attempts, line.failed) == ("test-call", 1, 1)


def test_a_used_up_budget_stops_it_before_the_call(
    database: Database, server: FakeServer, trial: TrialService, usage: UsageService
) -> None:
    actor = add_tenant(database)
    TenantSettingsService(database, lambda: NOW).set(actor, "llm_budget_usd_month", "0")
    with pytest.raises(EngineUnavailable) as failed:
        trial.call(actor)
    assert failed.value.reason == Fault.BUDGET
    assert server.requests == []
    assert booked(usage, actor) == []


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_administrators_may(database: Database, server: FakeServer, trial: TrialService, role: Role) -> None:
    with pytest.raises(Forbidden):
        trial.call(replace(add_tenant(database), role=role))
    assert server.requests == []


def test_without_a_model_it_says_what_to_set(database: Database, usage: UsageService) -> None:
    with pytest.raises(EngineUnavailable, match="Set OPENAI_API_KEY"):
        TrialService(None, usage).call(add_tenant(database))
