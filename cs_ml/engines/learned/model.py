"""A trained model as plain numbers: every feature adds its own shape to the log odds, so the parts are exact.

Straight lines (logistic regression) and steps (boosted stumps) are both sums over features; so is their mean.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from json import dumps
from typing import Any, Literal

from cs_ml.engines.calibration.numbers import probability_of
from cs_ml.engines.learned.features import Measures, Value

CLIP = 3.0  # spreads from the centre beyond which a straight line goes on flat: no customer is out of all proportion

# From the simplest to the most complex; `prior` is the cold start, trained on nothing of the tenant's.
ModelKind = Literal["base", "tenure", "prior", "scorecard", "ridge", "stumps", "blend"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a feature adds to the log odds.

    A figure x adds `steps[i]`, where i counts the `edges` not above x, and for each of the straight `lines` (centre,
    spread, slope) the slope times x's distance from the centre in spreads, at most CLIP. A word adds its entry of
    `levels`, 0 where it has none. Unknown adds `absent`. `usual` is what the feature adds on average over the training
    rows, `typical` the middle figure of them.
    """

    lines: Sequence[tuple[float, float, float]] = ()
    edges: Sequence[float] = ()
    steps: Sequence[float] = ()
    levels: Mapping[str, float] = field(default_factory=dict)
    absent: float = 0.0
    usual: float = 0.0
    typical: float | None = None

    def at(self, value: Value | None) -> float:
        if value is None:
            return self.absent
        if isinstance(value, str):
            return self.levels.get(value, 0.0)
        total = self.steps[bisect_right(self.edges, value)] if self.steps else 0.0
        for centre, spread, slope in self.lines:
            total += slope * min(max((value - centre) / spread, -CLIP), CLIP)
        return total


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedModel:
    """`base_rate`: the share that churned among the training rows. `fingerprint`: of the rows it was trained on;
    `version` is that of the numbers. `scorecard`: the version whose points are features. `metrics` are of the
    validation, by name."""

    kind: ModelKind
    window_days: int
    intercept: float
    shapes: Mapping[str, Shape]
    base_rate: float
    rows: int
    churned: int
    fingerprint: str
    scorecard: str
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        plain = {key: value for key, value in dump_model(self).items() if key != "metrics"}
        return sha256(dumps(plain, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def has_signal(self) -> bool:
        """Whether behaviour tells anything here, beyond the base rate and how long somebody has been a customer."""
        return self.kind not in {"base", "tenure"}

    @property
    def cold_start(self) -> bool:
        return self.kind == "prior"

    def parts(self, measures: Measures) -> dict[str, float]:
        """What each feature adds to the log odds."""
        return {name: shape.at(measures.get(name)) for name, shape in self.shapes.items()}

    def probability(self, measures: Measures) -> float:
        return probability_of(self.intercept + sum(self.parts(measures).values()))


def dump_model(model: LearnedModel) -> dict[str, Any]:
    """JSON values only: `load_model(dump_model(x)) == x`."""
    value = {name: getattr(model, name) for name in model.__slots__}
    value["shapes"] = {name: _dump_shape(shape) for name, shape in model.shapes.items()}
    value["metrics"] = dict(model.metrics)
    return value


def load_model(value: Mapping[str, Any]) -> LearnedModel:
    shapes = {name: _load_shape(shape) for name, shape in value["shapes"].items()}
    return LearnedModel(**{**value, "shapes": shapes})


def _dump_shape(shape: Shape) -> dict[str, Any]:
    """Without what is as the class has it."""
    plain = asdict(shape)
    plain |= {name: [*plain[name]] for name in ("edges", "steps")} | {"lines": [[*line] for line in shape.lines]}
    return {key: item for key, item in plain.items() if item not in (None, [], {}) and item != getattr(Shape(), key)}


def _load_shape(value: Mapping[str, Any]) -> Shape:
    lists = {key: tuple(value[key]) for key in ("edges", "steps") if key in value}
    return Shape(**{**value, **lists, "lines": tuple(tuple(line) for line in value.get("lines", ()))})
