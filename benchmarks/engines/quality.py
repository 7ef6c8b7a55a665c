"""What `cs-ml bench-quality` costs on a large bundle: `python -m benchmarks.engines.quality [--accounts 20000]`.

Writes a made-up bundle whose custom field, not its contacts or scores, tells who leaves, with three windows for each
account, and measures it in a process of its own. Prints a JSON line for the minutes and one for the memory, and the
figures of the learned engine; ends with 1 where a goal is missed.
"""

import argparse
import csv
import json
import math
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.harness import Result, show

FIRST, WINDOW = date(2025, 1, 1), 90
CUTS = [FIRST + timedelta(days=90 * number) for number in range(3)]
HISTORY = 360  # days before the first cut
FOLDS = 5
NUMBER, WORD, KIND = "quorn index", "Farbe", "blip_07"  # names that no code can know
_CONTACTS_EVERY, _SCORES_EVERY = 30, 30
_MOST_MINUTES, _MOST_MB = 15.0, 4096.0

Rows = list[list[Any]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=20_000)
    accounts = parser.parse_args().accounts
    with TemporaryDirectory() as folder:
        write_bundle(Path(folder), accounts)
        begin = perf_counter()
        command = [str(Path(sys.executable).with_name("cs-ml")), "bench-quality", folder, "--json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        minutes = (perf_counter() - begin) / 60
    answer = json.loads(done.stdout)["data"]
    sys.stderr.write(f"{answer['n_train']} windows to learn from, {answer['n_test']} to test on\n")
    sys.stderr.write(f"learned: {json.dumps(answer['models']['learned'])}\n")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    found = [
        Result(
            name=f"{accounts} accounts", ours=minutes, floor=None, unit="minutes", goal=_MOST_MINUTES, judged="ours"
        ),
        Result(name="peak memory", ours=used, floor=None, unit="MB", goal=_MOST_MB, judged="ours"),
    ]
    return 0 if min(one.met for one in show(found)) else 1


def write_bundle(folder: Path, accounts: int, *, folds: bool = False, seed: int = 1) -> None:
    """Later windows are for testing, or each account belongs to one of FOLDS."""
    rng = Random(seed)
    tables: dict[str, Rows] = {
        "accounts": [["account_ref", "name", "start_date"]],
        "custom_fields": [["account_ref", "as_of", NUMBER, WORD]],
        "activities": [["account_ref", "date", "type", "quantity"]],
        "health_history": [["account_ref", "date", "overall_score"]],
        "churn": [["account_ref", "churned_on", "reason"]],
        "split": [["account_ref", "as_of", "window_days", "fold" if folds else "split"]],
    }
    for number in range(accounts):
        ref = f"K{number}"
        start = FIRST - timedelta(days=rng.randrange(HISTORY, 1000))
        tables["accounts"].append([ref, f"Customer {number}", start])
        part = str(number % FOLDS) if folds else None
        end = _course(rng, ref, tables, part)
        tables["activities"] += [[ref, day, KIND, rng.randrange(9)] for day in _days(rng, end, _CONTACTS_EVERY)]
        tables["health_history"] += [[ref, day, rng.randrange(40, 95)] for day in _days(rng, end, _SCORES_EVERY)]
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)


def _course(rng: Random, ref: str, tables: dict[str, Rows], part: str | None) -> date:
    """From cut to cut, until the account leaves; answers its last day."""
    for cut in CUTS:
        level = rng.gauss(0, 1)
        tables["custom_fields"].append([ref, cut - timedelta(days=3), round(50 + 20 * level, 1), rng.choice("rgb")])
        tables["split"].append([ref, cut, WINDOW, part or ("test" if cut == CUTS[-1] else "train")])
        if rng.random() < 1 / (1 + math.exp(2.0 - 1.5 * level)):
            left = cut + timedelta(days=rng.randrange(1, WINDOW))
            tables["churn"].append([ref, left, ""])
            return left
    return CUTS[-1] + timedelta(days=WINDOW + 1)


def _days(rng: Random, end: date, every: int) -> Iterator[date]:
    day = FIRST - timedelta(days=rng.randrange(HISTORY))
    while day < end:
        yield day
        day += timedelta(days=rng.randrange(1, 2 * every))


if __name__ == "__main__":
    sys.exit(main())
