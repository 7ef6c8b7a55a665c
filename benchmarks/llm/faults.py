"""Every way in which a model's server fails, through the real command.

`python -m benchmarks.llm.faults` prints a table.

Each row is one `cs-ml predict ACCOUNT --refresh --json` in a process of its own against a server that fails so, and
before it the same without a model: what starting the process takes on this machine now. Ends with 1 where a row breaks
the promise: the rules answer in time, say why, and nothing is left half-written.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import func, select

from benchmarks.demo_tenant import SLUG, seed
from cs_ml.bootstrap import Services, open_services
from cs_ml.domain.actor import Actor
from cs_ml.settings import Settings
from cs_ml.store.tables import Account, AccountMLPrediction, AIUsageEvent, PredictionClaim
from tests.llm.server import Canned, FakeServer, running_server
from tests.services.llm.faulty import FAULTS, GOOD
from tests.support.databases import sqlite_url

TIMEOUT_S = 4.0
START_S = 300.0  # at most, for the whole command on a busy machine
OVERSHOOT_S = 5.0  # beyond the timeout, the start of the process included
BUSY = 3.0  # or so many times what the command takes without a model: a busy machine is no fault of the code
CS_ML = Path(sys.executable).with_name("cs-ml")
COLUMNS = (
    "fault",
    "exit",
    "engine",
    "fallbackReason",
    "conf.",
    "attempts",
    "events",
    "seconds",
    "without",
    "half-written",
    "",
)
WIDTHS = (19, 4, 6, 16, 5, 8, 6, 7, 7, 12, 6)


@dataclass(frozen=True, kw_only=True)
class Books:
    """Rows of the tenant. `half_written`: claims, calls never settled, and predictions in force beyond one."""

    events: int
    half_written: int


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    exit: int
    answer: Mapping[str, Any]
    attempts: int
    events: int
    seconds: float
    without_s: float
    half_written: int
    expected: str | None

    @property
    def kept(self) -> bool:
        """Whether the promise was kept; `expected` None: the model's own answer."""
        engine = "llm" if self.expected is None else "rules"
        told = self.answer.get("engine") == engine and self.answer.get("fallbackReason") == self.expected
        modest = self.expected is None or self.answer.get("confidence", 1.0) < 0.5
        booked = self.attempts == self.events > 0 and self.half_written == 0
        in_time = self.seconds < TIMEOUT_S + max(OVERSHOOT_S, BUSY * self.without_s)
        return self.exit == 0 and told and modest and booked and in_time

    @property
    def cells(self) -> tuple[str, ...]:
        return (
            self.name,
            str(self.exit),
            str(self.answer.get("engine")),
            self.answer.get("fallbackReason") or "-",
            f"{self.answer.get('confidence', float('nan')):.2f}",
            str(self.attempts),
            str(self.events),
            f"{self.seconds:.1f}",
            f"{self.without_s:.1f}",
            str(self.half_written) if self.half_written else "none",
            "" if self.kept else "BROKEN",
        )


def main() -> int:
    with TemporaryDirectory() as folder, running_server() as server:
        url = sqlite_url(Path(folder) / "faults.db")
        with open_services(Settings(database_url=url)) as services:
            print(_line(COLUMNS))
            rows = list(_rows(services, seed(services, accounts=1), server, url))
    broken = sum(not row.kept for row in rows)
    print(f"{len(rows)} rows, {broken} broken; timeout {TIMEOUT_S:g} s; {len(server.invalid)} requests not conforming")
    return 1 if broken or server.invalid else 0


def _rows(services: Services, actor: Actor, server: FakeServer, url: str) -> Iterator[Row]:
    """The faults, then a good answer, which the model's absence must not have spoilt."""
    cases: dict[str, tuple[Canned, str | None]] = {name: (case.sent, case.fault) for name, case in FAULTS.items()}
    cases["(a good answer)"] = GOOD, None
    with services.database.read(actor) as scope:
        account = int(scope.execute(select(Account.id)).scalar_one())
    for name, (sent, expected) in cases.items():
        before, asked = _books(services, actor), len(server.requests)
        server.script(sent)
        _, without_s = _predict(account, {"CS_ML_DATABASE_URL": url, "OPENAI_API_KEY": ""})
        done, seconds = _predict(account, {"CS_ML_DATABASE_URL": url, "OPENAI_BASE_URL": server.url})
        after = _books(services, actor)
        row = Row(
            name=name,
            exit=done.returncode,
            answer=json.loads(done.stdout)["data"] if done.returncode == 0 else {},
            attempts=len(server.requests) - asked,
            events=after.events - before.events,
            seconds=seconds,
            without_s=without_s,
            half_written=after.half_written,
            expected=expected,
        )
        print(_line(row.cells), flush=True)
        if not row.kept:
            print(done.stderr, file=sys.stderr)
        yield row


def _predict(account: int, settings: Mapping[str, str]) -> "tuple[subprocess.CompletedProcess[str], float]":
    """The ended process, and its seconds."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("CS_ML_", "OPENAI_"))}
    more = {"OPENAI_API_KEY": "sk-made-up", "CS_ML_LLM_TIMEOUT_S": str(TIMEOUT_S), **settings}
    command = [str(CS_ML), "predict", str(account), "--tenant", SLUG, "--refresh", "--json"]
    began = time.monotonic()
    done = subprocess.run(command, env=mine | more, capture_output=True, text=True, timeout=START_S, check=False)
    return done, time.monotonic() - began


def _books(services: Services, actor: Actor) -> Books:
    stored, event = AccountMLPrediction, AIUsageEvent
    with services.database.read(actor) as scope:

        def number(column: Any, *conditions: Any) -> int:
            return int(scope.execute(select(func.count(column)).where(*conditions)).scalar_one())

        unsettled = number(event.id, event.error_type == "reserved")
        in_force = number(stored.id, stored.status == "ACTIVE")
        half_written = number(PredictionClaim.id) + unsettled + max(0, in_force - 1)
        return Books(events=number(event.id) - unsettled, half_written=half_written)


def _line(cells: tuple[str, ...]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
