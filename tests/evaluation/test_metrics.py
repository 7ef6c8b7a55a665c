"""Figures by hand, against scikit-learn, and where nothing can be told."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from cs_ml.evaluation.metrics import capacity, confusions, evaluate, wilson
from cs_ml.evaluation.report import FIGURES, Confusion, FigureName
from cs_ml.evaluation.sample import Sample

EXACT = 1e-12


def forecasts(seed: int = 3, n: int = 600, accounts: int = 200, *, ties: bool = False) -> tuple[NDArray[Any], ...]:
    """Outcomes, calibrated chances and whose they are."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(1, 4, n)
    if ties:
        chance = np.round(chance, 1)
    return rng.random(n) < chance, chance, rng.integers(0, accounts, n)


def confusion(churned: Any, chances: Any, threshold: float, worth: Any = None) -> Confusion:
    return confusions(churned, chances, [threshold], worth)[0]


def test_figures_by_hand() -> None:
    found = evaluate([True, False, True, False], [0.8, 0.6, 0.4, 0.2], [1, 2, 3, 4])
    assert (found.n, found.accounts, found.churned, found.base_rate) == (4, 4, 2, 0.5)
    # (0.2 ** 2 + 0.6 ** 2 + 0.6 ** 2 + 0.2 ** 2) / 4, against 0.25 of saying one half to all
    assert found.figure("brier").value == pytest.approx(0.2)
    assert found.figure("skill").value == pytest.approx(0.2)
    assert found.figure("log_loss").value == pytest.approx(-(2 * np.log(0.8) + 2 * np.log(0.4)) / 4)
    assert found.figure("auroc").value == pytest.approx(0.75)  # three of four pairs are in order
    assert found.figure("auprc").value == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_calibration_by_hand() -> None:
    chance = [0.1] * 10 + [0.5] * 10
    churned = [True] + [False] * 9 + [True] * 8 + [False] * 2
    found = evaluate(churned, chance, range(20))
    bins = found.bins
    assert [(one.predicted, one.observed, one.n, one.accounts) for one in bins] == [
        (pytest.approx(0.1), 0.1, 10, 10),
        (0.5, 0.8, 10, 10),
    ]
    assert found.figure("ece").value == pytest.approx(0.5 * 0.0 + 0.5 * 0.3)
    assert bins[1].low == pytest.approx(0.4901625)  # Wilson, 8 of 10
    assert bins[1].high == pytest.approx(0.9433178)


def test_lift_by_hand() -> None:
    chance = np.linspace(1, 0, 20)
    churned = [True, False, True, True] + [False] * 16
    # the top tenth are two forecasts, one of which came true: 0.5 against 0.15
    assert evaluate(churned, chance, range(20)).figure("lift10").value == pytest.approx(0.5 / 0.15)
    # where all are alike, nobody is at the top
    assert evaluate(churned, [0.3] * 20, range(20)).figure("lift10").value == pytest.approx(1.0)


def test_confusion_by_hand() -> None:
    found = confusion([True, False, True, False], [0.8, 0.6, 0.4, 0.6], 0.6, worth=[10, 20, 40, 80])
    assert (found.caught, found.false_alarms, found.missed, found.quiet, found.n) == (1, 2, 1, 0, 4)
    assert (found.precision, found.recall, found.accuracy, found.false_per_caught) == (1 / 3, 0.5, 0.25, 2.0)
    assert (found.worth_caught, found.worth_missed) == (10, 40)
    nobody = confusion([True, False], [0.1, 0.2], 0.9)
    assert (nobody.precision, nobody.recall, nobody.false_per_caught) == (None, 0.0, None)
    assert confusion([], [], 0.5).accuracy is None


def test_capacity_takes_the_highest_of_each_round() -> None:
    churned = [True, False, False, True]
    chances = [0.9, 0.8, 0.3, 0.2]
    rounds = ["May", "May", "June", "June"]
    one, two, three = capacity(churned, chances, rounds, 3, worth=[1, 2, 4, 8])
    assert (one.caught, one.false_alarms, one.missed, one.quiet, one.worth_caught) == (1, 1, 1, 1, 1)
    assert (two.caught, two.false_alarms, two.missed) == (2, 2, 0)
    assert three == two


def test_precision_at_k_is_that_of_one_round() -> None:
    found = capacity([True, False, True], [0.9, 0.8, 0.1], ["May"] * 3, 2)
    assert [one.precision for one in found] == [1.0, 0.5]


@pytest.mark.parametrize("ties", [False, True])
def test_agrees_with_scikit_learn(*, ties: bool) -> None:
    churned, chance, accounts = forecasts(ties=ties)
    found = evaluate(churned, chance, accounts, resamples=5)
    assert found.figure("brier").value == pytest.approx(sk.brier_score_loss(churned, chance), abs=EXACT)
    assert found.figure("log_loss").value == pytest.approx(sk.log_loss(churned, chance), abs=EXACT)
    assert found.figure("auroc").value == pytest.approx(sk.roc_auc_score(churned, chance), abs=EXACT)
    assert found.figure("auprc").value == pytest.approx(sk.average_precision_score(churned, chance), abs=EXACT)
    assert found.figure("skill").value == pytest.approx(sk.d2_brier_score(churned, chance), abs=EXACT)
    observed, predicted = calibration_curve(churned, chance, n_bins=10, strategy="quantile")
    assert [one.observed for one in found.bins] == pytest.approx(observed, abs=EXACT)
    assert [one.predicted for one in found.bins] == pytest.approx(predicted, abs=EXACT)
    for threshold in (0.0, 0.1, 0.5, 1.0):
        quiet, alarms, missed, caught = sk.confusion_matrix(churned, chance >= threshold, labels=[0, 1]).ravel()
        got = confusion(churned, chance, threshold)
        assert (got.quiet, got.false_alarms, got.missed, got.caught) == (quiet, alarms, missed, caught)


@pytest.mark.parametrize("ties", [False, True])
def test_resampled_figures_agree_with_scikit_learn(*, ties: bool) -> None:
    """The figures over many draws at once are those of each draw alone."""
    churned, chance, accounts = forecasts(n=120, accounts=40, ties=ties)
    sample = Sample.of(churned, chance, accounts)
    counts = (
        np.random.default_rng(5).multinomial(40, np.full(sample.accounts, 1 / sample.accounts), size=6).astype(float)
    )
    scikit = {
        "brier": sk.brier_score_loss,
        "skill": sk.d2_brier_score,
        "log_loss": sk.log_loss,
        "auroc": sk.roc_auc_score,
        "auprc": sk.average_precision_score,
    }
    found = sample.resampled(list(scikit), counts)  # type: ignore[arg-type]
    for row, draw in enumerate(counts):
        weights = draw[sample.account]
        for name, figure in scikit.items():
            expected = figure(churned, chance, sample_weight=weights)
            assert found[name][row] == pytest.approx(expected, abs=EXACT), name  # type: ignore[index]


def test_intervals_come_from_accounts_not_rows() -> None:
    """Ten copies of every forecast of an account tell nothing new."""
    churned, chance, _ = forecasts(n=200)
    once = evaluate(churned, chance, range(200))
    often = evaluate(np.repeat(churned, 10), np.repeat(chance, 10), np.repeat(np.arange(200), 10))
    for name in ("brier", "skill", "log_loss", "auroc", "auprc"):
        first, second = once.figure(name), often.figure(name)
        assert [second.low, second.high] == pytest.approx([first.low, first.high]), name
    assert often.figure("brier").n == 2000


def test_intervals_are_seeded_and_hold_the_value() -> None:
    churned, chance, accounts = forecasts()
    found = evaluate(churned, chance, accounts)
    assert found == evaluate(churned, chance, accounts)
    assert found != evaluate(churned, chance, accounts, seed=8)
    for name in FIGURES:
        figure = found.figure(name)
        assert figure.low is not None
        assert figure.value is not None
        assert figure.high is not None
        assert figure.low <= figure.value <= figure.high, name


def undefined(*names: FigureName, of: tuple[list[bool], list[float]]) -> None:
    churned, chances = of
    found = evaluate(churned, chances, range(len(churned)))
    assert {name for name in FIGURES if found.figure(name).value is None} == set(names)


def test_what_cannot_be_told_is_none() -> None:
    undefined(*FIGURES, of=([], []))
    undefined("skill", "auroc", "auprc", "lift10", of=([False] * 12, [0.1] * 12))
    undefined("lift10", of=([True, False] * 4, [0.3] * 8))
    few = evaluate([True, False, False, True], [0.9, 0.1, 0.2, 0.8], [1, 2, 3, 4])
    assert few.figure("auroc").value == 1.0
    assert few.figure("auroc").low is None  # four accounts
    rare = evaluate([True] + [False] * 29, np.linspace(1, 0, 30), range(30))
    assert rare.figure("auroc").low is None  # a third of the draws miss the only churner
    assert rare.figure("brier").low is not None


def test_what_is_no_forecast_is_refused() -> None:
    with pytest.raises(ValueError, match="differ in number"):
        evaluate([True], [0.5, 0.5], [1])
    with pytest.raises(ValueError, match="within 0 and 1"):
        evaluate([True], [1.5], [1])
    with pytest.raises(ValueError, match="within 0 and 1"):
        evaluate([True], [float("nan")], [1])


def test_wilson_holds_at_the_ends() -> None:
    assert list(wilson(0.0, 10)) == pytest.approx([0.0, 0.2775328])
    assert list(wilson(1.0, 10)) == pytest.approx([0.7224672, 1.0])


def test_calibrated_forecasts_pass_and_sure_ones_do_not() -> None:
    churned, chance, accounts = forecasts(n=3000, accounts=1500)
    odds = (chance / (1 - chance)) ** 3
    good, sure = evaluate(churned, chance, accounts), evaluate(churned, odds / (1 + odds), accounts)
    assert sum(one.low <= one.predicted <= one.high for one in good.bins) >= 9
    assert sum(one.low <= one.predicted <= one.high for one in sure.bins) <= 3
    assert (good.figure("ece").high or 1) < 0.03
    assert (sure.figure("ece").low or 0) > 0.1
    assert good.figure("auroc").value == pytest.approx(sure.figure("auroc").value)


def test_many_thresholds_are_those_one_by_one() -> None:
    churned, chance, _ = forecasts(ties=True)
    thresholds = [0.0, 0.25, 0.3, 0.95]
    assert confusions(churned, chance, thresholds) == [confusion(churned, chance, one) for one in thresholds]
