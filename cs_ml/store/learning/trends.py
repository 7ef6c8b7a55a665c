"""Stored forecasts of health scores: those that are due, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import product

from sqlalchemy import bindparam, case, literal, or_, select, update

from cs_ml.domain.health.insights import HealthInsights
from cs_ml.domain.truth.outcomes import OutcomeSource
from cs_ml.store.columns import UtcDateTime
from cs_ml.store.learning.windows import stored_windows
from cs_ml.store.predictions.health import health_of
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import AccountMLPrediction as Stored


@dataclass(frozen=True, kw_only=True, slots=True)
class DueTrend:
    """A stored forecast of a health score. `probability`: that it drops."""

    id: int
    account_id: int
    probability: float
    insights: HealthInsights


class TrendRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def due(self, since: datetime, until: datetime) -> Sequence[DueTrend]:
        """Forecasts of health scores without an outcome whose window ended in (since, until]."""
        rows = self._scope.execute(_due_trends(self._scope.dialect), {"since": since, "until": until})
        return [
            DueTrend(id=row.id, account_id=row.account_id, probability=row.probability, insights=insights)
            for row in rows
            if (insights := health_of(row.health_insights)) is not None
        ]

    def settle(self, dropped: Mapping[int, bool], right: Mapping[int, bool], now: datetime) -> None:
        """Gives forecasts, by id, their outcome and whether they were right."""
        for outcome, accurate in product((False, True), repeat=2):
            ids = [one for one, found in dropped.items() if (found, right[one]) == (outcome, accurate)]
            over = or_(Stored.status == "EXPIRED", Stored.valid_until <= now)
            status = case((over, literal("VALIDATED", Stored.status.type)), else_=Stored.status)
            values = {"actual_outcome": outcome, "was_accurate": accurate, "outcome_source": OutcomeSource.SCORE.value}
            settled = update(Stored).where(Stored.id.in_(ids), Stored.actual_outcome.is_(None))
            self._scope.execute(settled.values(**values, status=status, validated_at=now, updated_at=now))


@cache
def _due_trends(dialect: str) -> AnySelect:
    end = stored_windows(dialect).end
    return (
        select(Stored.id, Stored.account_id, Stored.probability, Stored.health_insights)
        .where(
            Stored.prediction_type == "HEALTH_TREND",
            Stored.engine.is_not(None),
            Stored.actual_outcome.is_(None),
            Stored.health_insights.is_not(None),
            end > bindparam("since", type_=UtcDateTime),
            end <= bindparam("until", type_=UtcDateTime),
        )
        .order_by(Stored.id)
    )
