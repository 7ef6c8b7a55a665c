"""How good the engines are on a bundle whose outcomes are known: trained on some windows, measured on others.

The bundle's `split.csv` says which: account_ref, as_of, window_days and `split` (train, test) or `fold`.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.engines.calibration.fitting import fit_calibration
from cs_ml.engines.learned.model import LearnedModel
from cs_ml.engines.learned.selection import TrainingRows
from cs_ml.engines.learned.training import cold_start, enough, train, usual_rate
from cs_ml.engines.rules import over_window
from cs_ml.engines.scorecard import Scorecard
from cs_ml.evaluation.metrics import evaluate
from cs_ml.evaluation.report import FigureName
from cs_ml.services.clock import Clock
from cs_ml.services.learning.priors import shipped_prior
from cs_ml.services.learning.rows import read_rows
from cs_ml.services.learning.training import raw_chance, says
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database
from cs_ml.store.learning.outcomes import OutcomeRepository

SPLIT = "split.csv"
REPEATS, SEED = 5, 7
FIGURES: tuple[FigureName, ...] = ("auroc", "auprc", "brier", "log_loss", "ece", "lift10")
_ALWAYS = datetime(9000, 1, 1, tzinfo=UTC)  # the split overrides the rule of maturity
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# A plain reading of health scores to compare with: (below, chance), and the chance of all others.
_BANDS, _HEALTHY = ((40, 0.60), (60, 0.30), (80, 0.10)), 0.05

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Span = Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """`models`: name -> figure -> value, low, high (95 %, by account). `says`: what each training came to. `n_train`
    is the number of outcomes that one training saw."""

    n_train: int
    n_test: int
    base_rate: float
    models: Mapping[str, Mapping[str, Span]]
    says: Sequence[str]


@dataclass(frozen=True, slots=True)
class SplitRow:
    ref: str
    day: date
    part: str  # train, test, or the number of a fold


def read_split(bundle: Path, window_days: int) -> list[SplitRow]:
    """The rows of this window. Raises Invalid without a usable split.csv."""
    expected = "account_ref, as_of, window_days and split or fold"
    path = bundle / SPLIT
    if not path.is_file():
        raise Invalid(f"There is no {SPLIT} in this folder: it says what is learned from. It needs {expected}.")
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            rows = [
                SplitRow(row["account_ref"], date.fromisoformat(row["as_of"][:10]), (row.get("split") or row["fold"]))
                for row in csv.DictReader(file)
                if int(row["window_days"]) == window_days
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise Invalid(f"{SPLIT} cannot be read: it needs {expected}.") from error
    if not rows:
        raise Invalid(f"{SPLIT} has no row with a window of {window_days} days.", fields={"window": "another window"})
    return rows


def bundle_fingerprint(bundle: Path) -> str:
    """Of its data, without the split."""
    digest = sha256()
    for path in sorted(bundle.glob("*.csv")):
        if path.name != SPLIT:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


class QualityService:
    def __init__(self, database: Database, clock: Clock, scorecard: Scorecard) -> None:
        self._database = database
        self._clock = clock
        self._scorecard = scorecard

    def rows(self, actor: Actor, split: Sequence[SplitRow], window_days: int) -> tuple[TrainingRows, list[str]]:
        """Every row whose outcome is known, with its part of the split."""
        with self._database.read(actor) as scope:
            ids = AccountRepository(scope).references()
            outcomes = OutcomeRepository(scope)
            complete = _ALWAYS if outcomes.has_exact_churn(_ALWAYS) else _NEVER
            parts: dict[datetime, dict[int, str]] = {}
            for row in split:
                at = datetime.combine(row.day, time(23, 59, 59, 999000), UTC)
                if row.ref in ids:
                    parts.setdefault(at, {})[ids[row.ref]] = row.part
            asked: dict[datetime, dict[int, bool]] = {}
            for at, accounts in parts.items():
                found: dict[int, bool] = {}
                for chunk in _chunks(sorted(accounts)):
                    verdicts = outcomes.verdicts(chunk, at, window_days, known_by=_ALWAYS, complete=complete)
                    found |= {one.account_id: one.churned for one in verdicts.values() if one.churned is not None}
                asked[at] = found
        rows = read_rows(
            self._database,
            actor,
            asked,
            window_days=window_days,
            scorecard=self._scorecard,
            now=self._clock(),
            unknown_too=True,
        )
        return rows, [parts[at][account] for at, account in zip(rows.as_of, rows.accounts, strict=True)]

    def measure(
        self,
        actor: Actor,
        bundle: Path,
        *,
        window_days: int,
        outcomes: int | None = None,
        progress: Callable[[str], None],
    ) -> Quality:
        """Trains on the rows of the split that are for training, or REPEATS times on `outcomes` random ones of them.

        Raises Invalid where the split leaves nothing to train on or to test.
        """
        split = read_split(bundle, window_days)
        rows, parts = self.rows(actor, split, window_days)
        progress(f"{len(rows)} judged windows of {len(set(rows.accounts))} customers read")
        bench = _Bench(rows, self._scorecard, bundle_fingerprint(bundle), progress)
        part = np.array(parts)
        if "test" in parts or "train" in parts:
            learn, test = part == "train", part == "test"
            if not learn.any() or not test.any():
                raise Invalid(f"{SPLIT} needs rows for training and for testing whose outcome is known.")
            return bench.repeated(learn, test, outcomes) if outcomes else bench.once([(learn, test)])
        return bench.once([(part != fold, part == fold) for fold in sorted(set(parts))])


def _chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + 500] for start in range(0, len(ids), 500)]


class _Bench:
    def __init__(
        self, rows: TrainingRows, scorecard: Scorecard, fingerprint: str, progress: Callable[[str], None]
    ) -> None:
        self._rows = rows
        self._scorecard = scorecard
        self._prior = shipped_prior(scorecard, without=fingerprint)
        self._progress = progress
        self._says: list[str] = []

    def once(self, folds: Sequence[tuple[Mask, Mask]]) -> Quality:
        """The tests of all folds together."""
        found = [self._chances(self._rows.where(learn), self._rows.where(test)) for learn, test in folds]
        tests = [self._rows.where(test) for _, test in folds]
        churned = np.concatenate([test.churned for test in tests])
        accounts = [account for test in tests for account in test.accounts]
        models = {
            name: _figures(churned, np.concatenate([chances[name] for chances in found]), accounts) for name in found[0]
        }
        return self._quality(round(np.mean([learn.sum() for learn, _ in folds])), churned, models)

    def repeated(self, learn: Mask, test: Mask, outcomes: int) -> Quality:
        """The mean of the figures, and of the ends of their intervals, over random draws of what is learned from."""
        tested, rng = self._rows.where(test), np.random.default_rng(SEED)
        places = np.flatnonzero(learn)
        runs = []
        for _ in range(REPEATS):
            drawn = np.zeros(len(self._rows), dtype=bool)
            drawn[rng.choice(places, min(outcomes, len(places)), replace=False)] = True
            chances = self._chances(self._rows.where(drawn), tested)
            runs.append({name: _figures(tested.churned, one, tested.accounts) for name, one in chances.items()})
        models = {name: _mean([run[name] for run in runs]) for name in runs[0]}
        return self._quality(min(outcomes, len(places)), tested.churned, models)

    def _quality(self, n_train: int, churned: Floats, models: Mapping[str, Mapping[str, Span]]) -> Quality:
        return Quality(
            n_train=n_train, n_test=len(churned), base_rate=float(churned.mean()), models=models, says=self._says
        )

    def _chances(self, known: TrainingRows, test: TrainingRows) -> dict[str, Floats]:
        """By model, for each row of `test`."""
        rate = (float(known.churned.sum()) + 0.5) / (len(known) + 1)
        raw, seen = self._rules(known), self._rules(test)
        calibration = fit_calibration(list(raw), [bool(one) for one in known.churned])
        adjusted = [calibration.adjust(one) for one in seen] if calibration else seen
        model = self._model(known)
        self._says.append(says(model))
        self._progress(f"trained on {len(known)} ({int(known.churned.sum())} left): {model.kind}. {says(model)}")
        return {
            "base_rate": np.full(len(test), rate),
            "bands": np.array([_band(one.get("health/last/overall"), rate) for one in test.measures]),
            "rules": np.array(seen),
            "rules_calibrated": np.array(adjusted),
            "learned": np.array([model.probability(one) for one in test.measures]),
        }

    def _rules(self, rows: TrainingRows) -> list[float]:
        return [over_window(raw_chance(one, self._scorecard), rows.window_days) for one in rows.measures]

    def _model(self, known: TrainingRows) -> LearnedModel:
        if enough(known):
            return train(known, self._prior, self._scorecard.version)
        return cold_start(
            known.measures, self._prior, usual_rate(known.churned), known.window_days, self._scorecard.version
        )


def _band(score: float | str | None, rate: float) -> float:
    if not isinstance(score, int | float):
        return rate
    return next((chance for below, chance in _BANDS if score < below), _HEALTHY)


def _figures(churned: Floats, chances: Floats, accounts: Sequence[int]) -> dict[str, Span]:
    found = evaluate(churned, chances, accounts, figures=FIGURES)
    return {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in found.figures.items()}


def _mean(runs: Sequence[Mapping[str, Span]]) -> dict[str, Span]:
    return {
        name: {end: _mean_of([run[name][end] for run in runs]) for end in ("value", "low", "high")} for name in runs[0]
    }


def _mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
