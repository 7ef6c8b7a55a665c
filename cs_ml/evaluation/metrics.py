"""How good forecasts were: every figure with its 95 % interval by account, calibration bins, and what warnings came to.

Windows of one account are not independent, so intervals come from drawing accounts, not forecasts (cluster bootstrap):
expanded percentiles less the bias that the draws show (Efron and Tibshirani 1993, chapter 10). What cannot be told (one
outcome only, too few forecasts) is None. `benchmarks/engines/intervals.py` measures how often they hold the truth.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cs_ml.evaluation.report import FIGURES, CalibrationBin, Confusion, Evaluation, Figure, FigureName
from cs_ml.evaluation.sample import BINS, TOP_SHARE, Floats, Sample

RESAMPLES = 1000
SEED = 7
_CELLS = 4_000_000  # of a block of resamples, which bounds the memory
_FEWEST_ACCOUNTS = 5  # fewer tell nothing about how sure a figure is
_PLAIN = (0.025, 0.975)
_ANY = float("inf")
_RANGES: Mapping[FigureName, tuple[float, float]] = {
    "brier": (0, 1),
    "skill": (-_ANY, 1),
    "log_loss": (0, _ANY),
    "auroc": (0, 1),
    "auprc": (0, 1),
    "ece": (0, 1),
    "lift10": (0, _ANY),
}
_Z = 1.959963984540054  # of a 95 % interval


def evaluate(
    churned: ArrayLike,
    chances: ArrayLike,
    accounts: ArrayLike,
    *,
    figures: Sequence[FigureName] = FIGURES,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Evaluation:
    """One entry per forecast: whether it came true, its chance 0..1, and whose it is.

    Raises ValueError where lengths differ or a chance is not within 0..1.
    """
    sample = Sample.of(churned, chances, accounts)
    n = len(sample.churned)
    values = {name: _value(name, sample) for name in figures}
    told = [name for name in figures if values[name] is not None]
    spans = _intervals(sample, told, resamples, seed) if sample.accounts >= _FEWEST_ACCOUNTS else {}
    return Evaluation(
        n=n,
        accounts=sample.accounts,
        churned=int(sample.churned.sum()),
        figures={
            name: Figure(value=values[name], low=low, high=high, n=n)
            for name, (low, high) in ((name, spans.get(name, (None, None))) for name in figures)
        },
        bins=_bins(sample) if n else [],
    )


def confusions(
    churned: ArrayLike, chances: ArrayLike, thresholds: ArrayLike, worth: ArrayLike | None = None
) -> list[Confusion]:
    """What warnings of every chance of at least each threshold came to; `worth` is what each forecast is about."""
    outcome, chance = np.asarray(churned, dtype=float), np.asarray(chances, dtype=float)
    value = np.zeros(len(outcome)) if worth is None else np.asarray(worth, dtype=float)
    order = np.argsort(-chance, kind="stable")
    warned = np.searchsorted(-chance[order], -np.asarray(thresholds, dtype=float), side="right")
    return _confusions(outcome[order], value[order], warned)


def capacity(
    churned: ArrayLike,
    chances: ArrayLike,
    rounds: ArrayLike,
    most: int,
    worth: ArrayLike | None = None,
) -> list[Confusion]:
    """Entry k - 1: what the k highest chances of each round (a month, say) came to, all rounds together, for k up to
    `most`. Precision is precision at k where there is one round. Of equal chances the first given comes first."""
    outcome, chance = np.asarray(churned, dtype=float), np.asarray(chances, dtype=float)
    value = np.zeros(len(outcome)) if worth is None else np.asarray(worth, dtype=float)
    _, place = np.unique(np.asarray(rounds), return_inverse=True)
    order = np.lexsort((-chance, place))
    starts = np.searchsorted(place[order], place[order])
    rank = np.empty(len(outcome), dtype=np.int64)
    rank[order] = np.arange(len(outcome)) - starts
    by_rank = np.argsort(rank, kind="stable")
    return _confusions(outcome[by_rank], value[by_rank], np.searchsorted(rank[by_rank], np.arange(1, most + 1)))


def _confusions(outcome: Floats, worth: Floats, warned: Any) -> list[Confusion]:
    """`outcome` in the order of warning; `warned` are numbers of warnings."""
    caught = np.r_[0.0, outcome.cumsum()]
    value = np.r_[0.0, (outcome * worth).cumsum()]
    churned, n = int(caught[-1]), len(outcome)
    return [
        Confusion(
            caught=(hits := int(caught[number])),
            false_alarms=int(number) - hits,
            missed=churned - hits,
            quiet=n - int(number) - (churned - hits),
            worth_caught=float(value[number]),
            worth_missed=float(value[-1] - value[number]),
        )
        for number in warned
    ]


def _value(name: FigureName, sample: Sample) -> float | None:
    n = len(sample.churned)
    if not n or (name in {"skill", "auroc", "auprc"} and not sample.has_both):
        return None
    if name == "lift10" and (n < 1 / TOP_SHARE or not sample.churned.any()):
        return None
    if name in {"skill", "ece", "lift10"}:
        return float(sample.resampled([name], np.ones((1, sample.accounts)))[name][0])
    from sklearn import metrics  # three seconds and 195 MB: not before a figure is wanted

    match name:
        case "brier":
            return float(metrics.brier_score_loss(sample.churned, sample.chance, pos_label=1))
        case "log_loss":
            return float(metrics.log_loss(sample.churned, sample.chance, labels=[0, 1]))
        case "auroc":
            return float(metrics.roc_auc_score(sample.churned, sample.chance))
        case _:
            return float(metrics.average_precision_score(sample.churned, sample.chance))


def _intervals(
    sample: Sample, names: Sequence[FigureName], resamples: int, seed: int
) -> dict[FigureName, tuple[float, float]]:
    """Without figures that more than one resample in 20 cannot tell."""
    rng = np.random.default_rng(seed)
    block = max(1, min(resamples, _CELLS // max(sample.accounts, len(sample.churned))))
    found: dict[FigureName, list[Floats]] = {name: [] for name in names}
    for start in range(0, resamples, block):
        counts = _draws(rng, min(block, resamples - start), sample.accounts)
        for name, values in sample.resampled(names, counts).items():
            found[name].append(values)
    joined = {name: np.concatenate(values) for name, values in found.items()}
    told = {name: values[np.isfinite(values)] for name, values in joined.items()}
    here, few = sample.resampled(names, np.ones((1, sample.accounts))), _tails(sample)
    # Draws move the edge of the top share too, so those of the lift do not vary too little.
    return {
        name: _span(name, float(here[name][0]), values, _PLAIN if name == "lift10" else few)
        for name, values in told.items()
        if len(values) >= 0.95 * resamples
    }


def _span(name: FigureName, value: float, drawn: Floats, tails: tuple[float, float]) -> tuple[float, float]:
    """The percentiles of the draws less their bias, within what the figure can be.

    Chance gaps only add up, so the calibration error is biased most, and the draws show a part of that only: its lower
    end is turned around the value instead (basic bootstrap), which takes the bias off twice. Either way alone holds too
    seldom, the one missing below and the other above.
    """
    if name == "auprc" and 0 < value < 1 and drawn.min() > 0 and drawn.max() < 1:
        # Its draws are skewed by the ends of 0..1, which log odds are not (Boyd, Eng and Page 2013).
        odds = _log_odds(drawn)
        low, high = (float(end) for end in np.quantile(odds, tails))
        bias = float(odds.mean() - _log_odds(value))
        return float(_chance(low - bias)), float(_chance(high - bias))
    low, high = (float(end) for end in np.quantile(drawn, tails))
    bias = float(drawn.mean()) - value
    begin = min(2 * value - high, low - bias) if name == "ece" else low - bias
    least, most = _RANGES[name]
    return min(max(begin, least), value), max(min(high - bias, most), value)


def _log_odds(share: Any) -> Any:
    return np.log(share / (1 - share))


def _chance(odds: float) -> Any:
    return 1 / (1 + np.exp(-odds))


def _tails(sample: Sample) -> tuple[float, float]:
    """The percentiles of a 95 % interval, a little further out where few accounts had the rarer outcome: resamples of
    few vary too little (expanded percentiles, Hesterberg 2015)."""
    from scipy.stats import norm, t

    left = len(np.unique(sample.account[sample.churned == 1]))
    stayed = len(np.unique(sample.account[sample.churned == 0]))
    few = max(min(left, stayed), 2)
    tail = float(norm.cdf(-np.sqrt(few / (few - 1)) * t.ppf(0.975, few - 1)))
    return tail, 1 - tail


def _draws(rng: np.random.Generator, rows: int, accounts: int) -> Floats:
    """How often each account was drawn, one row per resample."""
    drawn = rng.integers(accounts, size=(rows, accounts)) + np.arange(rows)[:, None] * accounts
    return np.bincount(drawn.ravel(), minlength=rows * accounts).reshape(rows, accounts).astype(float)


def _bins(sample: Sample) -> list[CalibrationBin]:
    bins = []
    for number in range(BINS):
        inside = sample.bin == number
        n = int(inside.sum())
        if n:
            observed = float(sample.churned[inside].mean())
            accounts = len(np.unique(sample.account[inside]))
            low, high = wilson(observed, accounts)
            predicted = float(sample.chance[inside].mean())
            bins.append(
                CalibrationBin(predicted=predicted, observed=observed, low=low, high=high, n=n, accounts=accounts)
            )
    return bins


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share of `n` (Wilson 1927): also sound at 0, at 1 and for few."""
    scale = 1 + _Z**2 / n
    centre = (share + _Z**2 / (2 * n)) / scale
    half = _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / scale
    return max(float(centre - half), 0.0), min(float(centre + half), 1.0)
