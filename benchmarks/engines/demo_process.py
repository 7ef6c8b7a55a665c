"""What the demo's customers are like, measured: churn a year, and how well falling usage foretells it.

`python -m benchmarks.engines.demo_process --seeds 40` prints the figures that docs/demo.md quotes.
"""

import argparse
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np

from cs_ml.demo.bundle import Bundle
from cs_ml.demo.calendar import Calendar
from cs_ml.demo.generator import DEFAULT_SEED, TENANTS, generate

USAGE: Final = "usage_active_users"
RECENT_DAYS, BEFORE_DAYS, WINDOW_DAYS = 28, 154, 90
STEP_DAYS: Final = 28


def churn_and_years(bundles: Iterable[Bundle], today: date) -> tuple[int, float]:
    """Churned accounts, and the account-years that were lived in the generated history."""
    first_day = Calendar(today=today).first_day
    churned, years = 0, 0.0
    for bundle in bundles:
        ends = churn_days(bundle)
        churned += len(ends)
        for account in bundle["accounts.csv"]:
            start = max(date.fromisoformat(account["start_date"] or ""), first_day)
            years += max(0, (ends.get(account["account_ref"], today) - start).days) / 365.25
    return churned, years


def churn_days(bundle: Bundle) -> dict[str | None, date]:
    return {entry["account_ref"]: date.fromisoformat(entry["churned_on"] or "") for entry in bundle["churn.csv"]}


def usage_decline(bundle: Bundle, today: date) -> tuple[list[float], list[bool]]:
    """Score and outcome of each account every four weeks, where the 90 days that follow have passed.

    The score is 1 - (mean weekly active users of the last 28 days / of the 154 days before); only what was known then
    counts. Accounts with less than 26 weeks of history at that time are left out.
    """
    usage: dict[str | None, list[tuple[date, int]]] = defaultdict(list)
    for activity in bundle["activities.csv"]:
        if activity["type"] == USAGE:
            usage[activity["account_ref"]].append(
                (date.fromisoformat(activity["date"] or ""), int(activity["quantity"] or 0))
            )
    ends = churn_days(bundle)
    scores, churned = [], []
    for ref, counts in usage.items():
        as_of = today - timedelta(days=WINDOW_DAYS)
        while as_of - timedelta(days=RECENT_DAYS + BEFORE_DAYS) >= counts[0][0] - timedelta(days=7):
            end = ends.get(ref)
            if end is None or end > as_of:
                recent = _mean(counts, as_of, RECENT_DAYS)
                before = _mean(counts, as_of - timedelta(days=RECENT_DAYS), BEFORE_DAYS)
                scores.append(1 - recent / max(before, 0.1))
                churned.append(end is not None and end <= as_of + timedelta(days=WINDOW_DAYS))
            as_of -= timedelta(days=STEP_DAYS)
    return scores, churned


def _mean(counts: Sequence[tuple[date, int]], end: date, days: int) -> float:
    """Mean a week over (end - days, end]; a week without a row had no active user."""
    low = bisect_left(counts, (end - timedelta(days=days - 1), 0))
    high = bisect_left(counts, (end + timedelta(days=1), 0))
    return sum(count for _, count in counts[low:high]) / (days / 7)


def auroc(scores: Sequence[float], churned: Sequence[bool]) -> float:
    """Chance that a churner scores above a survivor, ties half (Mann-Whitney).

    Raises ValueError where there are no churners or no survivors.
    """
    high = np.array([score for score, left in zip(scores, churned, strict=True) if left])
    low = np.sort([score for score, left in zip(scores, churned, strict=True) if not left])
    if not len(high) or not len(low):
        raise ValueError("needs churners and survivors")
    wins = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(wins.sum() / 2 / len(high) / len(low))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from the default one on")
    parser.add_argument("--today", type=date.fromisoformat, default=date(2026, 6, 30), help="last day")
    options = parser.parse_args()
    owners = ["admin@demo.example", "member@demo.example"]
    runs = range(DEFAULT_SEED, DEFAULT_SEED + options.seeds)
    everything: list[Bundle] = []
    for tenant in TENANTS:
        bundles = [generate(seed, options.today, tenant, owners) for seed in runs]
        everything += bundles
        _print(tenant.name, bundles, options.today)
        print("  rows of the first seed:", {file: len(rows) for file, rows in bundles[0].items()})
    _print("both", everything, options.today)


def _print(name: str, bundles: Sequence[Bundle], today: date) -> None:
    churned, years = churn_and_years(bundles, today)
    judged = [usage_decline(bundle, today) for bundle in bundles]
    scores = [score for some, _ in judged for score in some]
    outcomes = [outcome for _, some in judged for outcome in some]
    print(f"{name}: {churned} churned in {years:.0f} account-years = {churned / years:.1%} a year; ", end="")
    print(f"AUROC of usage decline {auroc(scores, outcomes):.3f} (n={len(scores)}, {sum(outcomes)} churned)")


if __name__ == "__main__":
    main()
