"""The candidates: each turns training rows into an intercept and shapes. Same rows and seed, same numbers.

scikit-learn and scipy are imported where they are used: three seconds and 195 MB.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from statistics import median
from typing import Any

import numpy as np

from cs_ml.engines.learned.design import Design, Floats
from cs_ml.engines.learned.features import POINTS, Measures
from cs_ml.engines.learned.model import ModelKind, Shape

SEED = 7
AGE = "profile/age"
# Log odds per point of the scorecard before anything is learned, and how far a tenant's own may lie from it
# (standard deviation). Measured (docs/decisions/0012): half of 3 to 6 makes no difference from 100 outcomes on.
SCORECARD_SLOPE = 3.0
SCORECARD_SPREAD = 6.0
_INTERCEPT_SPREAD = 2.0
_RIDGE = 0.003  # scikit-learn's C of standardised features
_ROUNDS, _RATE, _LEAF_PENALTY, _SHARE, _LEAF = 80, 0.08, 2.0, 0.2, 20
_ENSEMBLE = 3  # of stumps that see other columns first: their mean is steadier

Prior = Mapping[str, float]  # log odds per point, by part of the scorecard


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    intercept: float
    shapes: Mapping[str, Shape]

    def odds(self, rows: Sequence[Measures]) -> Floats:
        """Log odds of each row."""
        return np.array(
            [self.intercept + sum(shape.at(row.get(name)) for name, shape in self.shapes.items()) for row in rows]
        )


Fit = Callable[[Sequence[Measures], Floats, Prior], Fitted]


def fit_base(rows: Sequence[Measures], churned: Floats, _prior: Prior) -> Fitted:
    """Nothing but the share that churned, as if one row more had."""
    rate = (float(churned.sum()) + 0.5) / (len(rows) + 1)
    return Fitted(intercept=log(rate / (1 - rate)), shapes={})


def fit_tenure(rows: Sequence[Measures], churned: Floats, prior: Prior) -> Fitted:
    """How long somebody has been a customer, alone."""
    known = [float(row[AGE]) for row in rows if AGE in row]
    if len(known) < 2 or min(known) == max(known):
        return fit_base(rows, churned, prior)
    centre, spread = float(np.mean(known)), float(np.std(known)) or 1.0
    column = np.array([[(float(row.get(AGE, centre)) - centre) / spread] for row in rows])
    slope, intercept = map_logistic(column, churned, centre=np.zeros(1), spread=0.5)
    return Fitted(intercept=intercept, shapes={AGE: Shape(lines=((centre, spread, float(slope[0])),))})


def fit_scorecard(rows: Sequence[Measures], churned: Floats, prior: Prior) -> Fitted:
    """What the points of the scorecard are worth here; never less than nothing, so worse input never lowers a risk."""
    columns = np.array([[float(row[f"{POINTS}{code}"]) for code in prior] for row in rows])
    slopes, intercept = map_logistic(
        columns, churned, centre=np.array(list(prior.values())), spread=SCORECARD_SPREAD, rising=True
    )
    return Fitted(intercept=intercept, shapes=point_shapes(dict(zip(prior, map(float, slopes), strict=True))))


def point_shapes(slopes: Prior) -> dict[str, Shape]:
    """Straight lines through nothing, by part of the scorecard."""
    return {f"{POINTS}{code}": Shape(lines=((0.0, 1.0, slope),)) for code, slope in slopes.items()}


def map_logistic(
    columns: Floats, churned: Floats, *, centre: Floats, spread: float, rising: bool = False
) -> tuple[Floats, float]:
    """Logistic regression with a normal prior around `centre` (most probable weights); slopes and intercept."""
    from scipy.optimize import minimize

    count = columns.shape[1]
    rate = (float(churned.sum()) + 0.5) / (len(churned) + 1)
    start = log(rate / (1 - rate)) - float((columns @ centre).mean())

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = columns @ weights[:count] + weights[count]
        off, shift = (weights[:count] - centre) / spread, (weights[count] - start) / _INTERCEPT_SPREAD
        value = np.logaddexp(0, odds).sum() - churned @ odds + (off @ off + shift * shift) / 2
        error = 1 / (1 + np.exp(-odds)) - churned
        slope = np.append(columns.T @ error + off / spread, error.sum() + shift / _INTERCEPT_SPREAD)
        return float(value), slope

    bounds: list[Any] = [(0.0 if rising else None, None)] * count + [(None, None)]
    found = minimize(loss, np.append(np.maximum(centre, 0) if rising else centre, start), jac=True, bounds=bounds)
    return found.x[:count], float(found.x[count])


def fit_ridge(rows: Sequence[Measures], churned: Floats, _prior: Prior) -> Fitted:
    from sklearn.linear_model import LogisticRegression

    design = Design.of(rows)
    model = LogisticRegression(C=_RIDGE, max_iter=2000).fit(design.straight(rows), churned)
    weights = [float(weight) for weight in model.coef_[0]]
    count, gaps = len(design.figures), dict(zip(design.gaps, weights[len(design.figures) :], strict=False))
    shapes = {
        name: Shape(
            lines=((float(design.centre[place]), float(design.spread[place]), weights[place]),),
            absent=gaps.get(place, 0.0),
        )
        for place, name in enumerate(design.figures)
    }
    levels = weights[count + len(design.gaps) :]
    return Fitted(intercept=float(model.intercept_[0]), shapes=shapes | _words(design, levels))


def _words(design: Design, weights: Sequence[float]) -> dict[str, Shape]:
    found: dict[str, dict[str, float]] = {}
    for (name, word), weight in zip(design.words, weights, strict=True):
        found.setdefault(name, {})[word] = weight
    return {name: Shape(levels=levels) for name, levels in found.items()}


def fit_stumps(rows: Sequence[Measures], churned: Floats, _prior: Prior) -> Fitted:
    """Boosted trees of one split each: a sum of steps, read off column by column."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    design = Design.of(rows)
    binned = design.binned(rows)
    makers = [
        HistGradientBoostingClassifier(
            learning_rate=_RATE,
            max_iter=_ROUNDS,
            max_leaf_nodes=2,
            min_samples_leaf=min(_LEAF, max(2, len(rows) // 10)),
            l2_regularization=_LEAF_PENALTY,
            max_features=_SHARE,
            early_stopping=False,
            random_state=SEED + number,
        )
        for number in range(_ENSEMBLE)
    ]
    with threadpool_limits(limits=1):  # threads of a busy machine wait for each other longer than they work
        models = [maker.fit(binned, churned) for maker in makers]
        return _read_steps(design, binned.shape[1], lambda matrix: _mean_odds(models, matrix))


def _mean_odds(models: Sequence[Any], matrix: Floats) -> Floats:
    return np.asarray(np.mean([model.decision_function(matrix) for model in models], axis=0))


def _read_steps(design: Design, width: int, odds: Callable[[Floats], Floats]) -> Fitted:
    """One column changed at a time from a row of zeros: of a sum that tells each term exactly."""
    probes = [(place, step) for place, edges in enumerate(design.edges) for step in [*range(1, len(edges) + 1), np.nan]]
    probes += [(place, 1.0) for place in range(len(design.edges), width)]
    matrix = np.zeros((len(probes) + 1, width))
    for row, (place, step) in enumerate(probes, start=1):
        matrix[row, place] = step
    values = odds(matrix)
    gains = {probe: float(value - values[0]) for probe, value in zip(_keys(probes), values[1:], strict=True)}
    shapes = {}
    for place, name in enumerate(design.figures):
        edges = design.edges[place]
        steps = [0.0, *(gains[place, step] for step in range(1, len(edges) + 1))]
        absent = gains[place, None]
        if any(steps) or absent:
            shapes[name] = Shape(edges=tuple(map(float, edges)), steps=tuple(steps), absent=absent)
    levels = [gains[place, 1] for place in range(len(design.figures), width)]
    return Fitted(intercept=float(values[0]), shapes=shapes | _words(design, levels))


def _keys(probes: Sequence[tuple[int, float]]) -> list[tuple[int, int | None]]:
    return [(place, None if np.isnan(step) else int(step)) for place, step in probes]


def blended(parts: Sequence[Fitted]) -> Fitted:
    """The mean of their log odds: a sum of shapes again."""
    share = 1 / len(parts)
    names = sorted({name for part in parts for name in part.shapes})
    return Fitted(
        intercept=share * sum(part.intercept for part in parts),
        shapes={name: _sum([part.shapes[name] for part in parts if name in part.shapes], share) for name in names},
    )


def scaled(fitted: Fitted, slope: float) -> Fitted:
    """With log odds worth `slope` times as much."""
    shapes = {name: _sum([shape], slope) for name, shape in fitted.shapes.items()}
    return Fitted(intercept=slope * fitted.intercept, shapes=shapes)


def _sum(shapes: Sequence[Shape], share: float) -> Shape:
    """Of which at most one has steps."""
    stepped = next((shape for shape in shapes if shape.steps), Shape())
    levels: dict[str, float] = {}
    for shape in shapes:
        for word, value in shape.levels.items():
            levels[word] = levels.get(word, 0.0) + share * value
    return Shape(
        lines=tuple((centre, spread, share * slope) for shape in shapes for centre, spread, slope in shape.lines),
        edges=stepped.edges,
        steps=tuple(share * step for step in stepped.steps),
        levels=levels,
        absent=share * sum(shape.absent for shape in shapes),
    )


def finished(fitted: Fitted, rows: Sequence[Measures]) -> Fitted:
    """With what each feature adds on average, and its middle figure."""
    shapes = {}
    for name, shape in fitted.shapes.items():
        figures = [value for row in rows if isinstance(value := row.get(name), int | float)]
        usual = float(np.mean([shape.at(row.get(name)) for row in rows])) if rows else 0.0
        shapes[name] = replace(shape, usual=usual, typical=float(median(figures)) if figures else None)
    return replace(fitted, shapes=shapes)


# From simple to complex; then their blend.
FITS: Mapping[ModelKind, Fit] = {
    "base": fit_base,
    "tenure": fit_tenure,
    "scorecard": fit_scorecard,
    "ridge": fit_ridge,
    "stumps": fit_stumps,
}
FOR_FEW: tuple[ModelKind, ...] = ("base", "tenure", "scorecard")
_BLENDED: tuple[ModelKind, ...] = ("scorecard", "ridge", "stumps")


def fit_all(rows: Sequence[Measures], churned: Floats, prior: Prior, *, many: bool) -> dict[ModelKind, Fitted]:
    """Every candidate that so many rows allow, from the simplest to the most complex."""
    found = {kind: fit(rows, churned, prior) for kind, fit in FITS.items() if many or kind in FOR_FEW}
    return {**found, "blend": blended([found[kind] for kind in _BLENDED])} if many else found


def fit_one(kind: ModelKind, rows: Sequence[Measures], churned: Floats, prior: Prior) -> Fitted:
    kinds = _BLENDED if kind == "blend" else (kind,)
    return blended([FITS[one](rows, churned, prior) for one in kinds])
