"""What an engine's raw chances came to: matured live predictions, for fitting calibrations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, select

from cs_ml.domain.predictions import EngineName
from cs_ml.store.learning.windows import days_after
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import AccountMLPrediction


@dataclass(frozen=True, slots=True)
class Matured:
    """`raw`: the chance (0..1) before any adjustment."""

    account_id: int
    at: datetime
    raw: float
    churned: bool


class MaturedRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list(self, engine: EngineName, window_days: int, now: datetime) -> Sequence[Matured]:
        """Judged churn predictions whose whole window has passed, the first of an account and every one that begins a
        window or more after the one before; replays and fallbacks apart."""
        params = {"engine": engine, "window": window_days, "now": now}
        found: list[Matured] = []
        for row in self._scope.execute(_matured(self._scope.dialect), params):
            last = found[-1] if found and found[-1].account_id == row.account_id else None
            if last is None or (row.predicted_at - last.at).days >= window_days:
                found.append(Matured(row.account_id, row.predicted_at, row.raw, bool(row.actual_outcome)))
        return found


@cache
def _matured(dialect: str) -> AnySelect:
    row: Any = AccountMLPrediction
    raw = func.coalesce(row.raw_probability, row.probability)
    return (
        select(row.account_id, row.predicted_at, raw.label("raw"), row.actual_outcome)
        .where(
            row.engine == bindparam("engine"),
            row.prediction_type == "CHURN",
            row.prediction_window == bindparam("window"),
            row.origin != "replay",
            row.fallback_reason.is_(None),
            row.actual_outcome.is_not(None),
            days_after(row.predicted_at, row.prediction_window, dialect) <= bindparam("now"),
        )
        .order_by(row.account_id, row.predicted_at, row.id)
    )
