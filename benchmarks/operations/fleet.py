"""A PostgreSQL server of one's own, a tenant whose accounts the model's server can tell apart, and real workers."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from cs_ml.bootstrap import Services, open_services
from cs_ml.domain.actor import Actor
from cs_ml.domain.jobs import BatchRun
from cs_ml.settings import Settings
from cs_ml.store.database import Database
from cs_ml.store.tables import Account, AccountFact, CRMActivity
from tests.llm.server import Canned, FakeServer, running_server
from tests.services.llm.faulty import CHURN
from tests.support.databases import build_schema
from tests.support.postgres_keeper import Server, installations, make_work_folder

CS_ML = Path(sys.executable).with_name("cs-ml")
MODEL_TIMEOUT_S = 5.0
_FIRST_ARR = 1_000_000  # an account's revenue names it in a prompt that holds no name
_ARR = re.compile(r"\b1\d{6}\b")


@dataclass
class Calls:
    """What the model's server was asked: account -> instants at which a request came in."""

    at: dict[int, list[datetime]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def total(self) -> int:
        with self.lock:
            return sum(len(times) for times in self.at.values())

    def note(self, body: Mapping[str, Any]) -> None:
        found = _ARR.search(body["messages"][-1]["content"].replace(",", ""))
        assert found is not None, "the prompt names no account"
        with self.lock:
            self.at.setdefault(int(found[0]) - _FIRST_ARR, []).append(datetime.now(UTC))


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """`ids`: the accounts; the n-th is number n in `calls`."""

    server: Server
    model: FakeServer
    calls: Calls
    services: Services
    actor: Actor
    ids: list[int]
    environment: Mapping[str, str]

    def worker(self, concurrency: int) -> "subprocess.Popen[bytes]":
        command = [str(CS_ML), "worker", "--concurrency", str(concurrency)]
        return subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def answer(self, canned: Callable[[], Canned]) -> None:
        """From now on each request is noted and answered so."""

        def answering(body: Mapping[str, Any]) -> Canned:
            self.calls.note(body)
            return canned()

        self.model.answer_by(answering)

    def analyze(self) -> None:
        """Lets the server look at what its tables hold, which one in use does by itself every minute."""
        with self.services.database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("ANALYZE")

    def watch(self, run_id: str, until: Callable[[BatchRun], bool], timeout_s: float) -> BatchRun:
        """The run when `until` holds. Raises TimeoutError."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            run = self.services.runs.get(self.actor, run_id)
            if until(run):
                return run
            time.sleep(0.2)
        raise TimeoutError(f"after {timeout_s:g} s the run is at {self.services.runs.get(self.actor, run_id)}")


@contextmanager
def fleet(accounts: int, *, model_url: str | None = None, overnight: bool = False, **settings: str) -> Iterator[Fleet]:
    """`settings`: of the PostgreSQL server, over those of the tests (which trust that nothing crashes). `model_url`: a
    model's server elsewhere, instead of one in this process. `overnight`: batches may be asked so."""
    server = Server(installations()[0], make_work_folder())
    url = server.start(**settings)
    try:
        build_schema(url)
        with running_server() as model:
            environment = {
                **os.environ,
                "CS_ML_DATABASE_URL": url,
                "OPENAI_API_KEY": "sk-fake",
                "OPENAI_BASE_URL": model_url or model.url,
                "CS_ML_LLM_TIMEOUT_S": str(MODEL_TIMEOUT_S),
                "CS_ML_LLM_BATCH_API": str(overnight),
                "CS_ML_LOG_LEVEL": "ERROR",
                "CS_ML_LIMIT_BATCHES_PER_DAY": "1000",
            }
            key = SecretStr("sk-fake")
            configured = Settings(
                database_url=url,
                openai_api_key=key,
                openai_base_url=model_url or model.url,
                llm_batch_api=overnight,
                log_level="ERROR",
            )
            with open_services(configured) as services:
                actor, ids = _tenant(services.database, accounts)
                yield Fleet(
                    server=server,
                    model=model,
                    calls=Calls(),
                    services=services,
                    actor=actor,
                    ids=ids,
                    environment=environment,
                )
    finally:
        server.stop()


def end(worker: "subprocess.Popen[bytes]", patience_s: float = 30.0) -> float:
    """Asks a worker to stop; answers after how many seconds it was gone."""
    asked = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(patience_s)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    return time.monotonic() - asked


def good() -> Mapping[str, Any]:
    """An answer that rests on facts every account has."""
    return CHURN


def _tenant(database: Database, accounts: int) -> tuple[Actor, list[int]]:
    now = datetime.now(UTC)
    with database.identity(write=True) as identity:
        tenant_id = identity.add_tenant("fleet", "Fleet", now)
        owner = identity.ensure_owners(tenant_id, ["owner@fleet.example"], now)["owner@fleet.example"]
    actor = Actor.system(tenant_id)
    with database.write(actor) as scope:
        rows = [
            {"name": f"Customer {number:04}", "type": "CUSTOMER", "ownerId": owner, "createdAt": now, "updatedAt": now}
            for number in range(accounts)
        ]
        ids = scope.insert_returning_ids(Account, rows)
        facts = [
            {"accountId": key, "kind": "changed", "validFrom": now, "arr": Decimal(_FIRST_ARR + number)}
            for number, key in enumerate(ids)
        ]
        scope.insert(AccountFact, facts)
        activity = {"type": "CALL", "subject": "Check", "status": "COMPLETED", "ownerId": owner, "createdById": owner}
        dates = {"completedAt": now, "createdAt": now, "updatedAt": now}
        scope.insert(CRMActivity, [{**activity, **dates, "accountId": key} for key in ids])
    return actor, ids
