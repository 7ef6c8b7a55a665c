"""Predictions of demo customers by a small real model on this machine: how many answers pass, and how long they take.

`python -m benchmarks.llm.e2e --model smollm2 --accounts 5`, or `make e2e-llm`. The first run fetches the model. Such a
model proves the path, not accuracy. Ends with 1 where a second ask is not served from the store.
"""

import argparse
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
from sqlalchemy import select

from benchmarks.demo_tenant import seed
from cs_ml.bootstrap import Services, open_services
from cs_ml.domain.actor import Actor
from cs_ml.settings import Settings
from cs_ml.store.tables import Account, AIUsageEvent
from tests.support.databases import sqlite_url

SCRIPT = Path(__file__).parents[2] / "tools" / "real_llm.sh"
MODELS = ("smollm2", "qwen1.5b")
START_S = 900.0  # the first start fetches up to 1 GB


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One prediction: by which engine, why not by the model, in how many seconds."""

    engine: str
    reason: str | None
    seconds: float
    served_again: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    parser.add_argument("--accounts", type=int, default=5)
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for each prediction")
    parser.add_argument("--port", type=int, default=8085)
    options = parser.parse_args()
    with TemporaryDirectory() as folder, _served(options.model, options.port) as url:
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
    return 0 if asked and all(one.served_again for one in asked) else 1


@contextmanager
def _served(model: str, port: int) -> Iterator[str]:
    """The model's server, ended with the block."""
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


if __name__ == "__main__":
    sys.exit(main())
