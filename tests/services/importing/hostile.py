"""The files that cost an import most memory, written as small as they can be; and what reading one costs."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cs_ml.domain.bundle import MAX_ACCOUNTS, MAX_COLUMNS
from cs_ml.services.importing import InvalidBundle
from cs_ml.services.importing.bundle import read_bundle

ACCOUNTS = "account_ref,name\n" + "".join(f"{number},x\n" for number in range(500))
Lines = Iterator[str]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """`megabytes`: the most that the process ever held; `cpu_s`: of the reading alone. `faults` of the bundle."""

    megabytes: float
    cpu_s: float
    faults: tuple[str, ...]


def too_many_accounts() -> Lines:
    yield "account_ref,name\n"
    for number in range(MAX_ACCOUNTS + 1):
        yield f"{number},x\n"


def long_rows() -> Lines:
    """Rows close to a megabyte each, in letters that take four bytes."""
    row = ",".join(["\N{GRINNING FACE}" * 2_400] * 100)
    yield "account_ref,as_of," + ",".join(f"f{number}" for number in range(100)) + "\n"
    for number in range(250):
        yield f"{number},2026-01-01,{row}\n"


def wide_rows() -> Lines:
    """As many tiny values as a block can hold, in letters that Python keeps one by one."""
    row = ",".join(["\N{CYRILLIC SMALL LETTER ZHE}"] * (MAX_COLUMNS - 2))
    yield "account_ref,as_of," + ",".join(f"f{number}" for number in range(MAX_COLUMNS - 2)) + "\n"
    for number in range(4_200):
        yield f"{number % 500},2026-01-{number // 500 + 1:02},{row}\n"


def open_quote() -> Lines:
    """All that follows is one value."""
    yield "account_ref,as_of,f\n"
    yield '1,2026-01-01,"'
    for _ in range(8):
        yield "line after line\n" * 65_536


def one_line() -> Lines:
    yield "account_ref,as_of,f\n1,2026-01-01,"
    for _ in range(40):
        yield "x" * 1_000_000


def faulty_rows() -> Lines:
    """Every value is a fault."""
    yield "account_ref,date,overall_score\n"
    for _ in range(20_000):
        yield "nobody,never,much\n"


FILES: Mapping[str, tuple[str, Callable[[], Lines]]] = {
    "too many accounts": ("accounts.csv", too_many_accounts),
    "rows of a megabyte": ("custom_fields.csv", long_rows),
    "500 columns": ("custom_fields.csv", wide_rows),
    "an open quote": ("custom_fields.csv", open_quote),
    "one line of 40 MB": ("custom_fields.csv", one_line),
    "60,000 faults": ("health_history.csv", faulty_rows),
}


def read_all(folder: Path, cases: Collection[str]) -> dict[str, Cost]:
    """In a process of its own: one file after the other."""
    return {case: _read(case, folder / str(number)) for number, case in enumerate(cases)}


def _read(case: str, folder: Path) -> Cost:
    name, lines = FILES[case]
    folder.mkdir()
    (folder / "accounts.csv").write_text(ACCOUNTS)
    with (folder / name).open("w", encoding="utf-8") as file:
        file.writelines(lines())
    start, found = time.process_time(), tuple[str, ...]()
    try:
        with ExitStack() as stack:
            read_bundle(folder, stack, lambda _what, _rows: None)
    except InvalidBundle as error:
        found = tuple(map(str, error.faults))
    return Cost(megabytes=peak_megabytes(), cpu_s=time.process_time() - start, faults=found)


def peak_megabytes() -> float:
    """`getrusage` would count the peak of the process that this one was made from."""
    line = next(line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
