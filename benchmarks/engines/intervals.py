"""How often the 95 % intervals of an evaluation hold the truth: `python -m benchmarks.engines.intervals`.

Customers of a made-up tenant have one to four forecasts each, which are alike within a customer and not well
calibrated. The truth is the figure over two million of them. Prints a JSON line per figure and number of customers:
coverage, and whether it lies within 93 and 97 %. Ends with 1 where one does not.
"""

import argparse
import json
import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cs_ml.evaluation.metrics import RESAMPLES, evaluate
from cs_ml.evaluation.report import FIGURES

LOWEST, HIGHEST = 0.93, 0.97
MOST_PER_ACCOUNT = 4

Forecasts = tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--accounts", type=int, nargs="+", default=[150, 500])
    options = parser.parse_args()
    met = True
    for accounts in options.accounts:
        for line in coverages(accounts, options.simulations):
            print(json.dumps(line), flush=True)
            met &= bool(line["met"])
    return 0 if met else 1


def coverages(accounts: int, simulations: int) -> Iterator[dict[str, object]]:
    rng = np.random.default_rng(11)
    truth = evaluate(*simulate(rng, 800_000), resamples=1)
    evaluations = [evaluate(*simulate(rng, accounts), seed=number) for number in range(simulations)]
    for name in FIGURES:
        true = truth.figure(name).value
        spans = [(figure.low, figure.high) for figure in (one.figure(name) for one in evaluations)]
        told = [(low, high) for low, high in spans if low is not None and high is not None]
        assert true is not None
        share = sum(low <= true <= high for low, high in told) / len(told)
        yield {
            "figure": name,
            "accounts": accounts,
            "simulations": len(told),
            "resamples": RESAMPLES,
            "true": round(true, 4),
            "coverage": round(share, 4),
            "met": LOWEST <= share <= HIGHEST,
        }


def simulate(rng: np.random.Generator, accounts: int) -> Forecasts:
    """Outcomes, chances and accounts. A forecast knows the customer only in part and is too sure of what it knows."""
    account = np.repeat(np.arange(accounts), rng.integers(1, MOST_PER_ACCOUNT + 1, accounts))
    known = rng.normal(0, 1, accounts)[account] + rng.normal(0, 0.5, len(account))
    churned = rng.random(len(account)) < _logistic(known - 1.8)
    return churned, _logistic(0.6 * known - 1.44), account


def _logistic(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-value))


if __name__ == "__main__":
    sys.exit(main())
