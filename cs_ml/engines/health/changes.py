"""Why a health score and a chance of leaving changed: by dimension, and by part of the scorecard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cs_ml.domain.context import DIMENSIONS, Dimension
from cs_ml.domain.health.changes import Change, ChangePart, WeightSource, steps, tenth
from cs_ml.domain.health.timeline import HealthReading
from cs_ml.domain.predictions import Prediction
from cs_ml.engines.health.insights import name_of

MIN_ESTIMATED = 20  # readings below which weights are not estimated
REST = "not_explained"


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Share of each dimension in the overall score; `readings`: what an estimate rests on."""

    shares: Mapping[Dimension, float]
    source: WeightSource
    readings: int


def health_change(
    before: HealthReading, after: HealthReading, history: Sequence[HealthReading], recorded: Mapping[Dimension, int]
) -> Change:
    """Both readings have an overall score. `recorded`: the CRM's own weights, empty where it has none.

    A dimension that was measured at one date only explains nothing that could be told: it stays in the remainder.
    """
    known = [name for name in DIMENSIONS[1:] if name in before.scores and name in after.scores]
    weights = weights_of(history, known, recorded)
    sizes = [weights.shares[name] * (after.scores[name] - before.scores[name]) for name in known]
    start, end = before.scores["overall"], after.scores["overall"]
    points = steps(start, [*sizes, end - start - sum(sizes)])
    parts = [
        ChangePart(
            code=name,
            label=f"{name_of(name)} ({weights.shares[name]:.0%} of the score)",
            before=tenth(before.scores[name]),
            after=tenth(after.scores[name]),
            points=size,
        )
        for name, size in zip(known, points[:-1], strict=True)
    ]
    rest = ChangePart(code=REST, label="Not explained by dimensions", before=None, after=None, points=points[-1])
    return Change(
        before=tenth(start),
        after=tenth(end),
        before_at=before.at,
        after_at=after.at,
        parts=[*parts, rest],
        note=_note(weights, known),
    )


def weights_of(
    history: Sequence[HealthReading], known: Sequence[Dimension], recorded: Mapping[Dimension, int]
) -> Weights:
    """The recorded weights, or those estimated from the account's own readings where they come closer to its scores."""
    total = sum(recorded.get(name, 0) for name in known)
    plain = {name: recorded.get(name, 0) / total if total else 0.0 for name in known}
    full = [reading for reading in history if all(name in reading.scores for name in ("overall", *known))]
    if not known or len(full) < MIN_ESTIMATED:
        return Weights(shares=plain, source="recorded", readings=0)
    from scipy.optimize import nnls

    parts = np.array([[float(reading.scores[name]) for name in known] for reading in full])
    overall = np.array([float(reading.scores["overall"]) for reading in full])
    shares, _ = nnls(parts, overall)
    as_recorded = np.abs(overall - parts @ np.array([plain[name] for name in known])).mean()
    if total and as_recorded <= np.abs(overall - parts @ shares).mean():
        return Weights(shares=plain, source="recorded", readings=0)
    estimated = {name: float(share) for name, share in zip(known, shares, strict=True)}
    return Weights(shares=estimated, source="estimated", readings=len(full))


def churn_change(before: Prediction, after: Prediction) -> Change:
    """Of two additive predictions of the same method and window: base, factors, window and clipping."""
    then, now = _parts(before), _parts(after)
    codes = list(dict.fromkeys([*then, *now]))
    sizes = {code: _size(now, code) - _size(then, code) for code in codes}
    ordered = sorted((code for code in codes if code in _FIXED or sizes[code]), key=lambda code: -abs(sizes[code]))
    start = before.probability * 100
    parts = [
        ChangePart(
            code=code,
            label=(now.get(code) or then[code])[0],
            before=tenth(_size(then, code)),
            after=tenth(_size(now, code)),
            points=size,
        )
        for code, size in zip(ordered, steps(start, [sizes[code] for code in ordered]), strict=True)
    ]
    return Change(
        before=tenth(start),
        after=tenth(after.probability * 100),
        before_at=before.as_of,
        after_at=after.as_of,
        parts=parts,
        note=f"By the scorecard, for {after.window_days} days ahead.",
    )


_FIXED = ("window", "clipping")


def _parts(prediction: Prediction) -> dict[str, tuple[str, float]]:
    """Label and points of 100 by code."""
    found = {factor.code: (factor.factor, (factor.points or 0.0) * 100) for factor in prediction.factors}
    found["base"] = ("Every account starts with", (prediction.base or 0.0) * 100)
    found["window"] = ("Another length of time than 90 days", (prediction.window_part or 0.0) * 100)
    found["clipping"] = ("Never quite certain: kept between 2 and 98 %", (prediction.clipping or 0.0) * 100)
    return found


def _size(parts: Mapping[str, tuple[str, float]], code: str) -> float:
    return parts[code][1] if code in parts else 0.0


def _note(weights: Weights, known: Sequence[Dimension]) -> str:
    if not known:
        return "No dimension was measured at both dates."
    if weights.source == "estimated":
        return f"Weights estimated from {weights.readings} readings of this account."
    return "Weights as the CRM records them." if any(weights.shares.values()) else "The weights are not known."
