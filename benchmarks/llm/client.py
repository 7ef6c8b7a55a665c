"""CPU of one call through our client against the bare `openai` client on the same server, in the same run.

`python -m benchmarks.llm.client` prints text and a JSON line. The server runs in a process of its own.
"""

import gc
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from statistics import median
from time import process_time
from typing import Any

import openai
from pydantic import Field

from benchmarks.harness import Result, Step, show
from cs_ml.llm.client import LlmClient
from cs_ml.llm.pricing import load_prices
from cs_ml.llm.request import Message
from cs_ml.llm.schema import StrictAnswer, response_format
from cs_ml.llm.transport import Endpoint
from tests.llm.server import answer, running_server

CPU_MS_GOAL = 5.0
ROUNDS, WARM_UP = 300, 20
MODEL = "gpt-4.1-mini"
NOW = datetime(2026, 6, 30, tzinfo=UTC)
# About the size of a real prediction: 900 tokens in, 500 out.
MESSAGES = (Message(role="system", content="rule " * 400), Message(role="user", content="H1 usage 41; " * 150))


class Factor(StrictAnswer):
    factor: str = Field(max_length=120)
    description: str = Field(max_length=400)
    evidence: list[str] = Field(max_length=5)


class Verdict(StrictAnswer):
    probability: float = Field(ge=0, le=1)
    factors: list[Factor] = Field(max_length=6)
    explanation: str = Field(max_length=1000)


FACTOR = {"factor": "Usage falls", "description": "Usage fell in four weeks. " * 8, "evidence": ["H1", "A3"]}
ANSWER = {"probability": 0.62, "factors": [FACTOR] * 5, "explanation": "They are leaving. " * 40}


def run() -> Iterator[Result]:
    with served(ANSWER) as url:
        client = LlmClient(
            Endpoint(base_url=url, api_key="k", model=MODEL), load_prices(), timeout_s=30, now=lambda: NOW
        )
        bare = openai.OpenAI(base_url=url, api_key="k", max_retries=0)
        try:
            ours, floor = cpu_medians(
                lambda: client.complete(MESSAGES, Verdict, operation="churn-prediction"), lambda: _bare(bare)
            )
        finally:
            client.close()
            bare.close()
    yield Result(
        name="CPU of a call of the model, without the model",
        ours=ours * 1e3,
        floor=floor * 1e3,
        unit="ms",
        goal=CPU_MS_GOAL,
        judged="ours",
    )


def _bare(client: openai.OpenAI) -> Verdict:
    """The same request and the same form, trusting everything: no deadline, no bounds, no books."""
    completion = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": message.role, "content": message.content} for message in MESSAGES],
        response_format=response_format(Verdict),  # type: ignore[call-overload]
        max_completion_tokens=1500,
        temperature=0.1,
    )
    return Verdict.model_validate_json(completion.choices[0].message.content)


def cpu_medians(*steps: Step, rounds: int = ROUNDS) -> list[float]:
    """Median seconds of this process's CPU, threads included; the steps take turns."""
    taken: list[list[float]] = [[] for _ in steps]
    for number in range(WARM_UP + rounds):
        for step, times in zip(steps, taken, strict=True):
            start = process_time()
            step()
            if number >= WARM_UP:
                times.append(process_time() - start)
        gc.collect(0)
    return [median(times) for times in taken]


@contextmanager
def served(said: Mapping[str, Any]) -> Iterator[str]:
    """The address of a server, in a process of its own, that answers so."""
    spawned = multiprocessing.get_context("spawn")
    url, serving = spawned.Pipe(duplex=False)
    done = spawned.Event()
    process = spawned.Process(target=_serve, args=(said, serving, done))
    process.start()
    try:
        yield url.recv()
    finally:
        done.set()
        process.join()


def _serve(said: Mapping[str, Any], started: Connection, done: Event) -> None:
    with running_server() as server:
        server.script(answer(said))
        started.send(server.url)
        done.wait()


if __name__ == "__main__":
    list(show(run()))
