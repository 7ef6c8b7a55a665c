"""A process that is killed while the model thinks: its claim ends by itself, and the next caller gets an answer."""

import multiprocessing
import time
from datetime import UTC, datetime, timedelta

from cs_ml.domain.actor import Actor
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.llm.usage import UsageService
from cs_ml.services.predicting.predictions import CLAIM_TTL
from cs_ml.store.database import Database
from tests.llm.server import Canned, FakeServer
from tests.services.llm.faulty import GOOD
from tests.services.llm.modelled import modelled
from tests.services.predictions.predicting import claims, stored
from tests.support.factories import add_account, add_tenant

WAIT_S = 60


def ask(url: str, model_url: str, actor: Actor, account: int) -> None:
    with modelled(Database(url), model_url, lambda: datetime.now(UTC)) as service:
        service.predict(actor, account)


def test_a_killed_run_is_done_again_and_its_call_goes_on_counting(
    database: Database, database_url: str, server: FakeServer
) -> None:
    actor = add_tenant(database)
    account = add_account(database, actor)
    began = datetime.now(UTC)
    TenantSettingsService(database, lambda: began).set(actor, "llm_budget_usd_month", "5")
    server.script(Canned(manner="hang"), GOOD)
    process = multiprocessing.get_context("spawn").Process(target=ask, args=(database_url, server.url, actor, account))
    process.start()
    end = time.monotonic() + WAIT_S
    while not server.requests and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    process.join(WAIT_S)
    assert (len(server.requests), stored(database, actor), claims(database, actor)) == (1, 0, 1)

    def later() -> datetime:
        return datetime.now(UTC) + CLAIM_TTL

    with modelled(database, server.url, later) as service:
        found = service.predict(actor, account)
    assert (found.provenance.engine, found.provenance.fallback_reason) == ("llm", None)
    assert (len(server.requests), stored(database, actor), claims(database, actor)) == (2, 1, 0)
    sums = UsageService(database, later).sums(actor, began - timedelta(days=1), later() + timedelta(days=1))
    assert (sum(one.attempts for one in sums), sum(one.unsettled for one in sums)) == (1, 1)
