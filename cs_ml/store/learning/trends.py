"""Stored health forecasts whose time is over, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, literal, select, update

from cs_ml.domain.health.insights import HealthInsights
from cs_ml.domain.outcomes import ACCURATE_FROM
from cs_ml.store.predictions.health import health_of
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import AccountMLPrediction as Stored

SOURCE = "health score"


@dataclass(frozen=True, kw_only=True, slots=True)
class DueTrend:
    id: int
    account_id: int
    insights: HealthInsights


class TrendRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def due(self, since: datetime, until: datetime) -> Sequence[DueTrend]:
        """Forecasts made in (since, until], superseded ones too, that have no outcome."""
        found = []
        for row in self._scope.execute(_due(), {"since": since, "until": until}):
            insights = health_of(row.health_insights)
            if insights is not None and insights.forecast is not None:
                found.append(DueTrend(id=row.id, account_id=row.account_id, insights=insights))
        return found

    def save(self, dropped: Mapping[int, bool], now: datetime) -> None:
        """Whether the score dropped, by prediction."""
        for came in (True, False):
            ids = [key for key, value in dropped.items() if value is came]
            if ids:
                self._scope.execute(_judgement(came).values(updated_at=now), {"ids": ids, "now": now})


@cache
def _due() -> AnySelect:
    return select(Stored.id, Stored.account_id, Stored.health_insights).where(
        Stored.prediction_type == "HEALTH_TREND",
        Stored.health_insights.is_not(None),
        Stored.actual_outcome.is_(None),
        Stored.predicted_at > bindparam("since"),
        Stored.predicted_at <= bindparam("until"),
    )


@cache
def _judgement(came: bool) -> Any:
    now: Any = bindparam("now")
    over = (Stored.status == "EXPIRED") | (Stored.valid_until <= now)
    return (
        update(Stored)
        .where(Stored.id.in_(bindparam("ids", expanding=True)))
        .values(
            actual_outcome=came,
            validated_at=now,
            was_accurate=(Stored.probability >= ACCURATE_FROM) == came,
            outcome_source=SOURCE,
            status=case((over, literal("VALIDATED", Stored.status.type)), else_=Stored.status),
        )
    )
