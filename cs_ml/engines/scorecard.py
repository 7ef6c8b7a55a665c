"""The scorecard as a checked value: parts with points, kept in scorecard.toml, overridable per tenant."""

import tomllib
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cs_ml.domain.predictions import Effort
from cs_ml.engines.features import FEATURES, interpolate

Point = tuple[float, Annotated[float, Field(ge=0, le=1)]]


class Part(BaseModel):
    """One part of the sum. `points`: two or more (quantity, points), quantity rising, points only rising or falling."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    code: str
    label: str
    quantity: str
    points: Annotated[tuple[Point, ...], Field(min_length=2)]
    threshold: str
    risk: str
    protective: str
    action: str
    effort: Effort
    expected: str

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.quantity not in FEATURES:
            raise ValueError(f"unknown quantity {self.quantity!r}: use one of {', '.join(FEATURES)}")
        if any(x0 >= x1 for (x0, _), (x1, _) in pairwise(self.points)):
            raise ValueError("the quantities of the points must rise")
        steps = [y1 - y0 for (_, y0), (_, y1) in pairwise(self.points)]
        if min(steps) < 0 < max(steps):
            raise ValueError("the points must only rise or only fall, so that worse input never lowers the risk")
        return self

    def points_at(self, value: float) -> float:
        return interpolate(value, self.points)

    @property
    def most(self) -> float:
        return max(y for _, y in self.points)


class Scorecard(BaseModel):
    """`base`: the probability before anything is known. `version`: hash of the content."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    base: Annotated[float, Field(ge=0, le=1)]
    part: tuple[Part, ...]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        codes = [part.code for part in self.part]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"a part stands there twice: {', '.join(twice)}")
        return self

    def weighted(self, weights: Mapping[str, float]) -> "Scorecard":
        """The points of a part times its weight (1 where none is given); what is no part of this card is ignored."""
        parts = [
            part.model_copy(update={"points": tuple((x, y * weights[part.code]) for x, y in part.points)})
            if part.code in weights
            else part
            for part in self.part
        ]
        return self.model_copy(update={"part": tuple(parts)})

    @property
    def version(self) -> str:
        return sha256(self.model_dump_json().encode()).hexdigest()[:12]


@cache
def default_scorecard() -> Scorecard:
    """The scorecard that ships with the product."""
    text = files("cs_ml.engines").joinpath("scorecard.toml").read_text(encoding="utf-8")
    return Scorecard.model_validate(tomllib.loads(text))
