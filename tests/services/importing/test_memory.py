"""No file takes more memory or work than the machine has to spare."""

from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from tests.services.importing.hostile import FILES, read_all

MOST_MB = 512.0
MOST_CPU_S = 10.0
SLOW = ("too many accounts", "500 columns")  # in `make security` alone
SAID = {
    "too many accounts": "at most 500,000 accounts",
    "an open quote": "is a quote left open?",
    "one line of 40 MB": "lines of at most 1,000,000 bytes",
    "60,000 faults": "expected the account_ref of a row in accounts.csv",
}


def test_hostile_files_are_read_or_refused_within_bounds(
    tmp_path: Path, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    cases = [case for case in FILES if at_full_size or case not in SLOW]
    with get_context("spawn").Pool(1) as pool:
        costs = pool.apply(read_all, (tmp_path, cases))
    assert set(costs) == set(cases)
    for case, cost in costs.items():
        assert bool(cost.faults) == (case in SAID), case
        assert SAID.get(case, "") in "".join(cost.faults[:1]), case
        assert cost.megabytes < MOST_MB, case
        assert cost.cpu_s < MOST_CPU_S, case
    peak, slowest = (max(cost.megabytes for cost in costs.values()), max(cost.cpu_s for cost in costs.values()))
    figure(f"{len(costs)} hostile files: at most {peak:.0f} MB of {MOST_MB:.0f}, {slowest:.1f} s of {MOST_CPU_S:.0f}")
