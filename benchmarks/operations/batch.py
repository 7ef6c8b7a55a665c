"""A batch through real workers against the same client in plain threads, on the same server, in the same run.

`python -m benchmarks.operations.batch` prints text and JSON lines. 500 calls of 1 s, 50 at once: 10 s at best. There
are as many worker processes as cores; they are warm, as workers are. The model's server runs in a process of its own.
"""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks.harness import Result, show
from benchmarks.operations.fleet import Fleet, end, fleet
from cs_ml.domain.jobs import BatchRequest
from cs_ml.llm.answers import ChurnAnswer
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.transport import Endpoint
from tests.llm.server import answer, running_server
from tests.services.llm.faulty import CHURN

CALLS, AT_ONCE, LATENCY_S = 500, 50, 1.0
IDEAL_S = CALLS * LATENCY_S / AT_ONCE
GOAL = 1 / 0.90
TIMEOUT_S = 600.0
MODEL = "gpt-4.1-mini"


def run() -> Iterator[Result]:
    with _model_server() as url, fleet(CALLS, model_url=url) as ours:
        floor = _plain_threads(ours, url)
        cores = os.cpu_count() or 1
        workers = [ours.worker(AT_ONCE // cores) for _ in range(cores)]
        try:
            _batch(ours, 4 * AT_ONCE)  # enough for each worker to load its packages
            ours.analyze()
            before = _spent(ours, workers)
            taken = _batch(ours, CALLS)
            after = _spent(ours, workers)
        finally:
            for worker in workers:
                end(worker)
    cpu, transactions = ((now - then) / CALLS for now, then in zip(after, before, strict=True))
    print(f"each account: {cpu:.1f} ms of CPU in the workers, {transactions:.1f} transactions", file=sys.stderr)
    print(f"ideal {IDEAL_S:.1f} s: plain threads reach {IDEAL_S / floor:.0%} of it, the batch {IDEAL_S / taken:.0%}"
          f" (load {os.getloadavg()[0]:.1f} on {cores} cores)", file=sys.stderr)  # fmt: skip
    yield Result(
        name=f"batch of {CALLS} calls of {LATENCY_S:g} s, {AT_ONCE} at once",
        ours=taken,
        floor=floor,
        unit="s",
        goal=GOAL,
        judged="ratio",
    )


def _batch(ours: Fleet, accounts: int) -> float:
    """Seconds from the start of a run to its end."""
    started = time.perf_counter()
    run = ours.services.runs.start(ours.actor, BatchRequest(most=accounts, refresh=True))
    run = ours.watch(run.id, lambda seen: not seen.open, TIMEOUT_S)
    assert run.counts.computed == accounts, run.counts
    return time.perf_counter() - started


def _spent(ours: Fleet, workers: "Sequence[subprocess.Popen[bytes]]") -> tuple[float, float]:
    """Milliseconds of CPU of the workers, and transactions of the database, until now. (Linux tells the former.)"""
    time.sleep(1.5)  # PostgreSQL counts with a delay of a second
    cpu = 0.0
    for worker in workers:
        fields = Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1000
    with ours.services.database.engine.connect() as connection:
        count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        return cpu, float(connection.exec_driver_sql(count).scalar_one())


def _plain_threads(ours: Fleet, url: str) -> float:
    """Seconds for the same prompts and answers through the client alone."""
    prompts = ours.services.prompts
    asking, question = prompts._question(ours.actor, ours.ids[0])
    client = LlmClient(
        Endpoint(base_url=url, api_key="k", model=MODEL),
        load_prices(),
        timeout_s=30,
        now=lambda: datetime.now(UTC),
    )

    def call(_number: int) -> None:
        client.complete(
            question.messages,
            ChurnAnswer,
            operation="churn-prediction",
            max_tokens=asking.prompt.max_tokens,
            temperature=asking.prompt.temperature,
        )

    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(call, range(AT_ONCE)))
            started = time.perf_counter()
            list(threads.map(call, range(CALLS)))
            return time.perf_counter() - started
    finally:
        client.close()


@contextmanager
def _model_server() -> Iterator[str]:
    spawned = multiprocessing.get_context("spawn")
    url, serving = spawned.Pipe(duplex=False)
    done = spawned.Event()
    process = spawned.Process(target=_serve, args=(serving, done))
    process.start()
    try:
        yield url.recv()
    finally:
        done.set()
        process.join()


def _serve(started: Connection, done: Event) -> None:
    with running_server() as server:
        server.script(answer(CHURN, delay_s=LATENCY_S))
        started.send(server.url)
        done.wait()


if __name__ == "__main__":
    list(show(run()))
