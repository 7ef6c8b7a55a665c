"""The churn process behaves as docs/demo.md says, measured on what it wrote."""

from collections import defaultdict
from datetime import date

import pytest

from benchmarks.engines.demo_process import auroc, churn_and_years, churn_days, usage_decline
from cs_ml.demo.bundle import Bundle
from tests.demo.cells import TODAY, day, text


def test_churn_a_year_is_between_8_and_14_percent(bundles: dict[str, Bundle], many: list[Bundle]) -> None:
    for some in (list(bundles.values()), many):
        churned, years = churn_and_years(some, TODAY)
        assert 0.08 < churned / years < 0.14


def test_falling_usage_foretells_churn_but_not_surely(many: list[Bundle]) -> None:
    scores: list[float] = []
    churned: list[bool] = []
    for bundle in many:
        more_scores, more_churned = usage_decline(bundle, TODAY)
        scores += more_scores
        churned += more_churned
    assert 0.72 < auroc(scores, churned) < 0.88


def test_leavers_use_less_in_their_last_60_days(many: list[Bundle]) -> None:
    ratios: dict[bool, list[float]] = {True: [], False: []}
    for bundle in many:
        ends = churn_days(bundle)
        usage: dict[str, list[tuple[date, int]]] = defaultdict(list)
        for entry in bundle["activities.csv"]:
            if entry["type"] == "usage_active_users":
                usage[text(entry, "account_ref")].append((day(entry, "date"), int(text(entry, "quantity"))))
        for ref, counts in usage.items():
            end = ends.get(ref, TODAY)
            last = [count for when, count in counts if (end - when).days < 60]
            before = [count for when, count in counts if 60 <= (end - when).days < 240]
            if last and len(before) >= 20:
                ratios[ref in ends].append(sum(last) / len(last) / (sum(before) / len(before)))
    mean = {left: sum(values) / len(values) for left, values in ratios.items()}
    assert mean[True] < 0.8
    assert mean[False] > 0.93


def test_auroc_of_hand_worked_scores() -> None:
    assert auroc([3.0, 1.0, 2.0, 2.0], [True, False, True, False]) == pytest.approx(3.5 / 4)
    with pytest.raises(ValueError, match="survivors"):
        auroc([1.0], [True])
