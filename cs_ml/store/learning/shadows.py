"""What methods that do not serve would have said: kept apart from predictions that people were shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, literal, select, update
from sqlalchemy.orm import aliased

from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import EngineName, Prediction
from cs_ml.store.accounts import is_live
from cs_ml.store.learning.windows import (
    Windows,
    came_true,
    days_after,
    source_of_churn,
    source_of_stay,
    stayed,
)
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import Account, AccountMLPrediction, ShadowPrediction

Shadow = ShadowPrediction
Stored = AccountMLPrediction


class ShadowRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def due(self, engine: EngineName, since: datetime, now: datetime, *, after: int, limit: int) -> Sequence[int]:
        """Ids, in order and beyond `after`, of live accounts with a valid churn prediction of which the engine has said
        nothing since `since`, neither in the shadow nor to people."""
        params = {"engine": engine, "since": since, "now": now, "after": after, "limit": limit}
        return self._scope.execute(_due(), {**params, "window": DEFAULT_WINDOW_DAYS}).scalars().all()

    def save_all(self, predictions: Sequence[Prediction], now: datetime) -> None:
        self._scope.insert(Shadow, [_row_of(one, now) for one in predictions])

    def judge(self, now: datetime, complete: datetime) -> None:
        """Gives each the outcome that the facts know, and takes back one that they know no more."""
        params = {"now": now, "complete": complete}
        for statement in _judgements(self._scope.dialect):
            self._scope.execute(statement, params)

    def counts(self) -> tuple[int, int]:
        """How many there are, and how many of them are judged."""
        row = self._scope.execute(_counts()).one()
        return row.number, row.judged


def shadow_windows(dialect: str) -> Windows:
    end = days_after(Shadow.predicted_at, Shadow.prediction_window, dialect)
    return Windows(Shadow, Shadow.account_id, Shadow.predicted_at, end, Shadow.prediction_window, dialect)


def _row_of(one: Prediction, now: datetime) -> Mapping[str, Any]:
    source = one.provenance
    return {
        "accountId": one.account_id,
        "engine": source.engine,
        "engineVersion": source.version,
        "llmModel": source.model,
        "promptVersion": source.prompt_version,
        "predictionWindow": one.window_days,
        "predictedAt": one.predicted_at,
        "probability": one.probability,
        "rawProbability": one.raw_probability,
        "createdAt": now,
    }


@cache
def _judgements(dialect: str) -> Sequence[Any]:
    windows = shadow_windows(dialect)
    left, kept = came_true(windows), stayed(windows)
    nothing = {"actual_outcome": None, "outcome_source": None}
    known = Shadow.actual_outcome
    return [
        update(Shadow).where(known.is_(True), ~left).values(**nothing),
        update(Shadow).where(known.is_(False), ~func.coalesce(kept, False)).values(**nothing),
        update(Shadow)
        .where(known.is_(None), left)
        .values(actual_outcome=True, outcome_source=source_of_churn(windows)),
        update(Shadow)
        .where(known.is_(None), kept)
        .values(actual_outcome=False, outcome_source=source_of_stay(windows)),
    ]


@cache
def _counts() -> AnySelect:
    return select(func.count(Shadow.id).label("number"), func.count(Shadow.actual_outcome).label("judged"))


@cache
def _due() -> AnySelect:
    stored = aliased(Stored)

    def exists(entity: Any, *conditions: Any) -> Any:
        one = select(literal(1)).select_from(entity).where(entity.account_id == Account.id, *conditions)
        return one.correlate(Account).exists()

    served = exists(
        stored,
        stored.prediction_type == "CHURN",
        stored.status == "ACTIVE",
        stored.engine.is_not(None),
        stored.prediction_window == bindparam("window"),
        stored.valid_until > bindparam("now"),
    )
    said = exists(
        Stored,
        Stored.prediction_type == "CHURN",
        Stored.engine == bindparam("engine"),
        Stored.origin != "replay",
        Stored.prediction_window == bindparam("window"),
        Stored.predicted_at > bindparam("since"),
    )
    whispered = exists(Shadow, Shadow.engine == bindparam("engine"), Shadow.predicted_at > bindparam("since"))
    return (
        select(Account.id)
        .where(is_live(), Account.id > bindparam("after"), served, ~said, ~whispered)
        .order_by(Account.id)
        .limit(bindparam("limit"))
    )
