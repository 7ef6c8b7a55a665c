"""Figures of accuracy, of judged predictions: pure, and each with the number that it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from cs_ml.domain.predictions import EngineName
from cs_ml.evaluation.metrics import capacity, confusions, evaluate
from cs_ml.evaluation.report import Confusion, Evaluation, FigureName
from cs_ml.evaluation.sample import TOP_SHARE
from cs_ml.services.truth.judged import DAY_MS, NEVER, Judged

Treated = Literal["all", "treated", "untreated"]
Dimension = Literal["engine", "model", "prompt", "segment", "month", "treated"]
THRESHOLDS = tuple(number / 100 for number in range(101))
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
MOST_A_MONTH = 60  # accounts that somebody may say they can work in a month

_COMPARED: tuple[FigureName, ...] = ("skill", "brier", "auroc")
_MOST_GROUPS = 24


class JudgedRows(NamedTuple):
    """Which judged predictions are read. `owner_id`: of whose accounts only, None for the whole tenant; `version` is
    that of the data, so that what is new is read anew."""

    owner_id: int | None
    version: str
    window_days: int
    replays: bool


class Look(NamedTuple):
    """What is asked for of them; hashable, so that answers can be kept. `engine` None: all of them."""

    rows: JudgedRows
    engine: EngineName | None
    treated: Treated
    every: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """Forecasts to compare with. `kind`: an engine, or what needs none."""

    kind: Literal["base_rate", "all_renew"] | EngineName
    evaluation: Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """Yearly revenue of customers that left, by whether somebody was warned; only where it is known."""

    currency: str
    caught: float
    missed: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LeadTimes:
    """Days from the first warning to the churn, ascending, of the `churners` that were warned of."""

    days: Sequence[float]
    churners: int


def pick(judged: Judged, *, engine: EngineName | None = None, treated: Treated = "all", every: bool = False) -> Judged:
    """The predictions that count; `every`: also those that were made within the window of another one."""
    mask = np.ones(len(judged), dtype=bool) if every else judged.headline.copy()
    if engine is not None:
        mask &= judged.engine == engine
    if treated != "all":
        mask &= judged.treated == (treated == "treated")
    return judged.where(mask)


def engines_in(judged: Judged) -> Mapping[EngineName, int]:
    """Engines by how many predictions count, the most first."""
    names, numbers = np.unique(judged.engine[judged.headline], return_counts=True)
    return dict(sorted(zip(names.tolist(), numbers.tolist(), strict=True), key=lambda found: (-found[1], found[0])))


def evaluation_of(judged: Judged) -> Evaluation:
    return evaluate(judged.churned, judged.chance, judged.account)


def baselines(judged: Judged, engine: EngineName | None, treated: Treated = "all") -> list[Baseline]:
    """What the chosen engine has to beat on its own predictions, and the other engines, each on its own."""
    chosen = pick(judged, engine=engine, treated=treated)
    rate = float(chosen.churned.mean()) if len(chosen) else 0.0
    others = {name: pick(judged, engine=name, treated=treated) for name in ENGINES if name != engine}
    return [
        Baseline(kind="base_rate", evaluation=_compared(chosen, np.full(len(chosen), rate))),
        Baseline(kind="all_renew", evaluation=_compared(chosen, np.zeros(len(chosen)))),
        *(Baseline(kind=name, evaluation=_compared(one, one.chance)) for name, one in others.items() if len(one)),
    ]


def dimensions(judged: Judged) -> list[Dimension]:
    """By what there is something to break down."""
    always: list[Dimension] = ["segment", "month", "treated"]
    several: list[Dimension] = ["engine", "model", "prompt"]
    least = {"engine": 2}  # names, the empty one of engines without a model not counted
    return always + [one for one in several if len(set(getattr(judged, one)) - {""}) >= least.get(one, 1)]


def top_tenth(judged: Judged) -> float:
    """The chance (0..1) at which the tenth with the highest chances begins."""
    return float(np.quantile(judged.chance, 1 - TOP_SHARE)) if len(judged) else 0.5


def breakdown(judged: Judged, dimension: Dimension) -> list[tuple[str, Evaluation]]:
    """By value of a dimension; the largest groups, months in order."""
    values = judged.treated.astype(str).astype(object) if dimension == "treated" else getattr(judged, dimension)
    names, numbers = np.unique(values.astype(str), return_counts=True)
    largest = sorted(zip(numbers.tolist(), names.tolist(), strict=True), reverse=True)[:_MOST_GROUPS]
    chosen = [name for _, name in largest if name]
    if dimension == "month":
        chosen = sorted(names.tolist())[-_MOST_GROUPS:]
    groups = [(name, judged.where(values == name)) for name in chosen]
    return [(name, _compared(group, group.chance)) for name, group in groups]


def warnings(judged: Judged) -> list[Confusion]:
    """What warnings came to, at each of THRESHOLDS."""
    return confusions(judged.churned, judged.chance, THRESHOLDS)


def capacities(judged: Judged) -> list[Confusion]:
    """What working the k highest chances of each month came to, for k from 1 to MOST_A_MONTH."""
    return capacity(judged.churned, judged.chance, judged.month.astype(str), MOST_A_MONTH)


def money(judged: Judged, threshold: float) -> list[Money]:
    """By currency, the largest first; sums are never across currencies."""
    known = judged.churned & ~np.isnan(judged.arr)
    found = []
    for currency in np.unique(judged.currency[known].astype(str)):
        left = known & (judged.currency == currency)
        warned = left & (judged.chance >= threshold)
        caught = float(judged.arr[warned].sum())
        found.append(Money(currency=str(currency), caught=caught, missed=float(judged.arr[left].sum()) - caught))
    return sorted(found, key=lambda one: -(one.caught + one.missed))


def lead_times(judged: Judged, threshold: float) -> LeadTimes:
    """Of every prediction of an engine whose window held the churn, not of one per window."""
    dated = judged.where(judged.churned & (judged.left_at != NEVER))
    churns = np.stack([dated.account, dated.left_at], axis=1)
    warned = dated.chance >= threshold
    lead = (dated.left_at - dated.at) / DAY_MS
    _, place = np.unique(churns, axis=0, return_inverse=True)
    first = np.full(int(place.max()) + 1 if len(dated) else 0, -np.inf)
    np.maximum.at(first, place.ravel()[warned], lead[warned])
    return LeadTimes(days=sorted(first[np.isfinite(first)].tolist()), churners=len(first))


def misses(judged: Judged, threshold: float, most: int) -> tuple[Judged, Judged]:
    """Customers that left though nobody was warned, the least expected first, and the loudest false alarms."""
    left = judged.where(judged.churned & (judged.chance < threshold))
    alarms = judged.where(~judged.churned & (judged.chance >= threshold))
    return (
        left.where(np.argsort(left.chance, kind="stable")[:most]),
        alarms.where(np.argsort(-alarms.chance, kind="stable")[:most]),
    )


def _compared(judged: Judged, chances: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Evaluation:
    return evaluate(judged.churned, chances, judged.account, figures=_COMPARED)
