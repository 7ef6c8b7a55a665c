"""The overall score 30 days ahead.

Point: the last score, shrunk to the account's own median as far as that paid off at this tenant. Interval and chance
of a drop: where the tenant's accounts went from alike positions, in units of each account's own movement (pooled,
scaled conformal; straight lines with textbook intervals cover under half of what they claim, measured by
`cs-ml health-backtest`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cs_ml.domain.health.insights import DROP_POINTS, FORECAST_DAYS, INTERVAL_SHARE
from cs_ml.domain.health.reference import MIN_MONTHS, QUANTILES, HealthReference, MovementCell
from cs_ml.engines.health.panel import Floats, Ints, States

WEIGHTS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
LEVELS, FEW_LEVELS, LEANS = 5, 3, 3  # groups of alike positions
_MANY_MONTHS = 3_000  # below it there are FEW_LEVELS
MIN_CELL = 150  # past months; fewer borrow from the level's group, then from all
# Past months overlap and accounts differ: a chance leans on the tenant's usual rate as on so many months of it.
_USUAL_MONTHS = 1_000
_POOLED_DAYS = 30  # days of movement seen at which an account's own counts as much as the tenant's
_LEAST_SPREAD = 0.5  # points: integer scores of a quiet account do not move at all
_POWER = 0.5  # an account that moved twice as much before is expected to move 1.4 times as much


@dataclass(frozen=True, slots=True)
class Months:
    """Past positions and how they ended: one value per month of an account."""

    last: Floats
    median: Floats
    lean: Floats
    movement: Floats
    seen: Ints
    ages: Ints
    outcome: Floats

    @classmethod
    def of(cls, states: States, outcomes: Floats) -> "Months":
        """The months that are known at both ends."""
        kept = states.known & np.isfinite(outcomes)
        return cls(
            last=states.last[kept],
            median=states.median[kept],
            lean=states.lean[kept],
            movement=states.movement[kept],
            seen=states.seen[kept],
            ages=states.ages[kept],
            outcome=outcomes[kept],
        )


@dataclass(frozen=True, slots=True)
class Forecasts:
    """One value per account; `low`, `high`, `drop` are NaN where the reference has no cells."""

    score: Floats
    low: Floats
    high: Floats
    drop: Floats


def learn(months: Sequence[Months], as_of: datetime) -> HealthReference:
    """What these months teach; without cells where they are fewer than MIN_MONTHS. All must have ended by `as_of`."""
    last, median, lean, movement, seen, ages, outcome = (
        np.concatenate([np.asarray(getattr(month, name)) for month in months]) if months else np.empty(0)
        for name in Months.__slots__
    )
    if len(last) < MIN_MONTHS:
        return HealthReference(
            as_of=as_of, months=len(last), weight=1.0, spread=0.0, drop_rate=None, levels=(), leans=(), cells=()
        )
    weight = _weight(last, median, outcome)
    known = movement[np.isfinite(movement)]
    spread = float(known.mean()) if len(known) else float(np.abs(outcome - last).mean())
    point = _point(last, median, weight)
    moves = (outcome - point) / _scale(movement, seen, ages, spread)
    levels = _edges(point, LEVELS if len(last) >= _MANY_MONTHS else FEW_LEVELS)
    leans = _edges(lean, LEANS)
    return HealthReference(
        as_of=as_of,
        months=len(last),
        weight=weight,
        spread=spread,
        drop_rate=float(np.mean(outcome - last <= -DROP_POINTS)),
        levels=levels,
        leans=leans,
        cells=_cells(moves, _place(levels, point), _place(leans, lean), len(levels) + 1),
    )


def forecasts(states: States, reference: HealthReference) -> Forecasts:
    """For every account; what is not `known` is meaningless."""
    point = _point(states.last, states.median, reference.weight)
    unknown = np.full(len(point), np.nan)
    if not reference.cells:
        return Forecasts(score=np.clip(point, 0, 100), low=unknown, high=unknown, drop=unknown)
    scale = _scale(states.movement, states.seen, states.ages, reference.spread)
    cells = [cell for level in reference.cells for cell in level]
    place = _place(reference.levels, point) * (len(reference.leans) + 1) + _place(reference.leans, states.lean)
    low = np.array([cell.low for cell in cells])[place] * scale
    high = np.array([cell.high for cell in cells])[place] * scale
    # Scores are whole numbers: "10 or more lower" is everything below 9.5 lower.
    limit = (states.last - DROP_POINTS + 0.5 - point) / scale
    shares = np.linspace(0.0, 1.0, QUANTILES)
    below = np.array(
        [float(np.interp(value, cells[index].quantiles, shares)) for value, index in zip(limit, place, strict=True)]
    )
    usual = reference.drop_rate or 0.0
    return Forecasts(
        score=np.clip(point, 0, 100),
        low=np.clip(point + np.minimum(low, 0.0), 0, 100),
        high=np.clip(point + np.maximum(high, 0.0), 0, 100),
        drop=(reference.months * below + _USUAL_MONTHS * usual) / (reference.months + _USUAL_MONTHS),
    )


def _weight(last: Floats, median: Floats, outcome: Floats) -> float:
    """The last score alone, unless another share was closer by more than chance: by two standard errors."""
    stays = np.abs(outcome - last)
    gains = {weight: stays - np.abs(outcome - _point(last, median, weight)) for weight in WEIGHTS[1:]}
    best = max(gains, key=lambda weight: float(gains[weight].mean()))
    # Windows overlap by half, so there are about half as many as it seems.
    error = float(gains[best].std()) / np.sqrt(len(last) / 2)
    return best if gains[best].mean() > 2 * error else WEIGHTS[0]


def _point(last: Floats, median: Floats, weight: float) -> Floats:
    """Worse scores never raise it: both parts only fall."""
    return weight * last + (1.0 - weight) * median


def _scale(movement: Floats, seen: Floats | Ints, ages: Floats | Ints, spread: float) -> Floats:
    """How far this account is expected to move, its own movement and the tenant's weighed by what was seen."""
    own = np.where(np.isfinite(movement), movement, spread)
    mixed = (seen * own + _POOLED_DAYS * spread) / (seen + _POOLED_DAYS)
    late = np.sqrt((FORECAST_DAYS + ages) / FORECAST_DAYS)  # an old score has longer to move
    return np.maximum(mixed, _LEAST_SPREAD) ** _POWER * late


def _edges(values: Floats, groups: int) -> tuple[float, ...]:
    return tuple(float(edge) for edge in np.quantile(values, np.arange(1, groups) / groups))


def _place(edges: Sequence[float], values: Floats) -> Ints:
    return np.searchsorted(np.asarray(edges), values, side="right")


def _cells(moves: Floats, level: Ints, lean: Ints, groups: int) -> tuple[tuple[MovementCell, ...], ...]:
    return tuple(
        tuple(_cell(moves, moves[level == row], moves[(level == row) & (lean == column)]) for column in range(LEANS))
        for row in range(groups)
    )


def _cell(all_moves: Floats, of_level: Floats, own: Floats) -> MovementCell:
    moves = next((group for group in (own, of_level) if len(group) >= MIN_CELL), all_moves)
    outside = (1.0 - INTERVAL_SHARE) / 2
    # Conformal: the bound that a new one is beyond with the asked chance, given n seen ones.
    most = min((1.0 - outside) * (1.0 + 1.0 / len(moves)), 1.0)
    return MovementCell(
        n=len(moves),
        low=float(np.quantile(moves, 1.0 - most)),
        high=float(np.quantile(moves, most)),
        quantiles=tuple(float(value) for value in np.quantile(moves, np.linspace(0, 1, QUANTILES))),
    )
