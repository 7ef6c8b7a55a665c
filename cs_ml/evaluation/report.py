"""Plain values of an evaluation: what services answer and charts draw. A value that cannot be told is None."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

FigureName = Literal["brier", "skill", "log_loss", "auroc", "auprc", "ece", "lift10"]
FIGURES: tuple[FigureName, ...] = ("brier", "skill", "log_loss", "auroc", "auprc", "ece", "lift10")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A figure over `n` forecasts with its 95 % interval, resampled by account."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationBin:
    """Forecasts of about the same chance. `predicted` is their mean, `observed` the share that came true; `low` and
    `high` are its 95 % interval, as if each of the `accounts` had told something once."""

    predicted: float
    observed: float
    low: float
    high: float
    n: int
    accounts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """What warnings at a threshold or of a number a month came to. `worth` are in the unit that was handed in."""

    caught: int
    false_alarms: int
    missed: int
    quiet: int
    worth_caught: float = 0.0
    worth_missed: float = 0.0

    @property
    def n(self) -> int:
        return self.caught + self.false_alarms + self.missed + self.quiet

    @property
    def precision(self) -> float | None:
        """Share of the warnings that came true."""
        return _share(self.caught, self.caught + self.false_alarms)

    @property
    def recall(self) -> float | None:
        """Share of what came true that was warned of."""
        return _share(self.caught, self.caught + self.missed)

    @property
    def accuracy(self) -> float | None:
        return _share(self.caught + self.quiet, self.n)

    @property
    def false_per_caught(self) -> float | None:
        return _share(self.false_alarms, self.caught)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """All figures of one set of forecasts: `n` of them about `accounts`, of which `churned` came true."""

    n: int
    accounts: int
    churned: int
    figures: Mapping[FigureName, Figure]
    bins: Sequence[CalibrationBin]

    @property
    def base_rate(self) -> float | None:
        return _share(self.churned, self.n)

    def figure(self, name: FigureName) -> Figure:
        """Raises KeyError for a figure that was not asked for."""
        return self.figures[name]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
