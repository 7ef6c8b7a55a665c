"""Predictions of demo customers by a small real model on this machine: how many answers pass, and how long they take.

`python -m benchmarks.llm.e2e --model smollm2 --accounts 5`, or `make e2e-llm`. The first run fetches the model. Such a
model proves the path, not accuracy. Then the app itself is driven in a browser against the same model: Refresh, the
card, a reload.

Ends with 1 where a second ask or the reload is not served from the store, or a call is missing in the books.
"""

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from sqlalchemy import func, select

from benchmarks.demo_tenant import seed
from benchmarks.llm.page import refresh_and_reload
from cs_ml.bootstrap import Services, open_services
from cs_ml.domain.actor import Actor, Role
from cs_ml.settings import Settings
from cs_ml.store.tables import Account, AIUsageEvent
from tests.e2e.server import free_port, running_app
from tests.e2e.visits import PHRASE
from tests.support.databases import sqlite_url

SCRIPT = Path(__file__).parents[2] / "tools" / "real_llm.sh"
MODELS = ("smollm2", "qwen1.5b")
PAGE_S = 60.0  # beyond the model, on a busy machine
START_S = 900.0  # the first start fetches up to 1 GB


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One prediction: by which engine, why not by the model, in how many seconds."""

    account: int
    engine: str
    reason: str | None
    seconds: float
    served_again: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    parser.add_argument("--accounts", type=int, default=5)
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for each prediction")
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="where the browser's pictures go")
    options = parser.parse_args()
    with TemporaryDirectory() as folder, _served(options.model) as url:
        settings = Settings(
            database_url=sqlite_url(Path(folder) / "e2e.db"),
            openai_api_key=SecretStr("local"),
            openai_base_url=url,
            llm_model=options.model,
            llm_timeout_s=options.timeout,
        )
        with open_services(settings) as services:
            actor = seed(services, options.accounts)
            asked = list(_ask(services, actor))
            _report(services, actor, asked)
            page_works = _show_page(services, actor, asked[0].account, Path(folder), options.screenshots)
    return 0 if page_works and all(one.served_again for one in asked) else 1


@contextmanager
def _served(model: str) -> Iterator[str]:
    """The model's server, ended with the block."""
    port = free_port()
    server = subprocess.Popen(["bash", str(SCRIPT), model, str(port)], stdout=sys.stderr)
    try:
        _wait_until_ready(server, port)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            pass  # not yet
        finally:
            connection.close()
        time.sleep(0.5)
    sys.exit("The model's server did not start.")


def _ask(services: Services, actor: Actor) -> Iterator[Asked]:
    """Each account twice: the second time it must come from the store."""
    with services.database.read(actor) as scope:
        accounts = list(scope.execute(select(Account.id).order_by(Account.id)).scalars())
    for account in accounts:
        began = time.monotonic()
        found = services.predictions.predict(actor, account)
        seconds = time.monotonic() - began
        again = services.predictions.predict(actor, account)
        source = found.provenance
        print(
            f"account {account}: {source.engine}, {source.fallback_reason or 'passed'}, {found.probability:.2f}, "
            f"{len(found.factors)} factors, {seconds:.1f} s",
            flush=True,
        )
        yield Asked(
            account=account,
            engine=source.engine,
            reason=source.fallback_reason,
            seconds=seconds,
            served_again=again.cached and again.id == found.id,
        )


def _report(services: Services, actor: Actor, asked: Sequence[Asked]) -> None:
    event = AIUsageEvent
    with services.database.read(actor) as scope:
        rows = scope.execute(select(event.success, event.error_type, event.prompt_tokens, event.latency_ms)).all()
    passed = sum(one.engine == "llm" for one in asked)
    rejected = Counter(row.error_type for row in rows if not row.success)
    prompts = [row.prompt_tokens for row in rows]
    latencies = [row.latency_ms / 1000 for row in rows]
    seconds = [one.seconds for one in asked]
    reasons = ", ".join(f"{reason} {count}" for reason, count in rejected.most_common()) or "none"
    print(f"predictions by the model: {passed} of {len(asked)} ({passed / len(asked):.0%})")
    print(f"answers that passed both validations: {len(rows) - rejected.total()} of {len(rows)}; the others: {reasons}")
    print(f"seconds of an answer: median {median(latencies):.1f}, maximum {max(latencies):.1f}")
    print(f"seconds of a prediction: median {median(seconds):.1f}, maximum {max(seconds):.1f}")
    print(f"prompt tokens of a request: median {median(prompts):.0f}, maximum {max(prompts)}")
    print(f"second asks served from the store: {sum(one.served_again for one in asked)} of {len(asked)}")


def _show_page(services: Services, actor: Actor, account: int, folder: Path, shots: Path | None) -> bool:
    """Whether the page shows what was asked for, and the books hold it."""
    settings, email = services.settings, "ada@example.com"
    services.access.add_user(actor, email, role=Role.ADMIN, name="Ada", password=PHRASE)
    os.environ |= {
        "OPENAI_API_KEY": "local",
        "OPENAI_BASE_URL": settings.openai_base_url,
        "CS_ML_LLM_MODEL": settings.llm_model,
        "CS_ML_LLM_TIMEOUT_S": str(settings.llm_timeout_s),
    }
    before = _calls(services, actor)
    with running_app(settings.database_url, folder) as address:
        seen = refresh_and_reload(address, email, account, patience_s=settings.llm_timeout_s + PAGE_S, shots=shots)
    calls = _calls(services, actor) - before
    print(f"the page after Refresh, {seen.seconds:.1f} s: {' | '.join(seen.made)}")
    print(f"after a reload from the store: {seen.stored}; calls in the books: {calls}; faults: {seen.faults or 'none'}")
    return bool(seen.made) and seen.stored and calls > 0 and not seen.faults


def _calls(services: Services, actor: Actor) -> int:
    with services.database.read(actor) as scope:
        return int(scope.execute(select(func.count(AIUsageEvent.id))).scalar_one())


if __name__ == "__main__":
    sys.exit(main())
