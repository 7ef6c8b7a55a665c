"""Judged predictions as columns: what every figure of accuracy is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cs_ml.domain.truth.outcomes import OutcomeSource
from cs_ml.evaluation.headline import one_per_window

DAY_MS = 86_400_000
NEVER = -1  # no instant
_NO_SEGMENT = "not known"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One entry per prediction. `at` and `left_at` in milliseconds since 1970 (NEVER where no exact date is known);
    `chance` 0..1; `arr` NaN where not known; `model` and `prompt` are "" for an engine without them.

    `headline`: one per account, engine and window, and the outcome is exactly known. `treated`: somebody worked on the
    account within the window.
    """

    account: NDArray[np.int64]
    engine: NDArray[np.object_]
    version: NDArray[np.object_]
    model: NDArray[np.object_]
    prompt: NDArray[np.object_]
    segment: NDArray[np.object_]
    currency: NDArray[np.object_]
    month: NDArray[np.object_]
    at: NDArray[np.int64]
    left_at: NDArray[np.int64]
    chance: NDArray[np.float64]
    churned: NDArray[np.bool_]
    treated: NDArray[np.bool_]
    headline: NDArray[np.bool_]
    arr: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.account)

    def where(self, mask: NDArray[Any]) -> "Judged":
        """The entries that `mask` marks, or in the order that it names."""
        return Judged(**{field.name: getattr(self, field.name)[mask] for field in fields(self)})


def judged_of(rows: Sequence[Any], window_days: int) -> Judged:
    """Of rows in order of account, engine and date."""

    def column(kind: Any, read: Callable[[Any], Any]) -> NDArray[Any]:
        return np.array([read(row) for row in rows], dtype=kind)

    account, engine = column(np.int64, lambda row: row.account_id), column(object, lambda row: row.engine)
    at = column(np.int64, lambda row: _ms(row.predicted_at))
    exact = column(bool, lambda row: row.outcome_source != OutcomeSource.APPROXIMATE)
    headline = np.zeros(len(rows), dtype=bool)
    if len(rows):
        group = np.r_[0, ((account[1:] != account[:-1]) | (engine[1:] != engine[:-1])).cumsum()]
        headline[exact] = one_per_window(group[exact], at[exact], window_days * DAY_MS)
    return Judged(
        account=account,
        engine=engine,
        version=column(object, lambda row: row.engine_version or ""),
        model=column(object, lambda row: row.llm_model or ""),
        prompt=column(object, lambda row: row.prompt_version or ""),
        segment=column(object, lambda row: row.segment or _NO_SEGMENT),
        currency=column(object, lambda row: row.currency or ""),
        month=column(object, lambda row: f"{row.predicted_at:%Y-%m}"),
        at=at,
        left_at=column(np.int64, lambda row: _ms(row.churned_at)),
        chance=column(np.float64, lambda row: row.probability),
        churned=column(bool, lambda row: row.actual_outcome),
        treated=column(bool, lambda row: row.treated),
        headline=headline,
        arr=column(np.float64, lambda row: np.nan if row.arr is None else float(row.arr)),
    )


def instant_of(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _ms(at: datetime | None) -> int:
    return NEVER if at is None else round(at.timestamp() * 1000)
