"""Backtests that are kept: their progress, and the replays that they are made of."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, or_, select, update

from cs_ml.domain.truth.backtests import BacktestRequest, BacktestRun, BacktestStatus
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import AccountMLPrediction
from cs_ml.store.tables import BacktestRun as Row

_KEY = ("tenantId", "engine", "firstDay", "lastDay", "everyDays", "windowDays")


class BacktestRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def start(self, request: BacktestRequest, now: datetime, *, dead_since: datetime) -> int | None:
        """The id of the run of these parameters, new or taken up again; None while it runs elsewhere: it was touched
        after `dead_since`."""
        key = {
            "engine": request.engine,
            "firstDay": request.first.isoformat(),
            "lastDay": request.last.isoformat(),
            "everyDays": request.every_days,
            "windowDays": request.window_days,
        }
        values = {
            "status": BacktestStatus.RUNNING.value,
            "dates": len(request.days),
            "done": 0,
            "predictions": 0,
            "cancelled": False,
            "updatedAt": now,
        }
        free = or_(Row.status != BacktestStatus.RUNNING.value, Row.updated_at <= dead_since)
        if not self._scope.upsert(Row, {**key, **values}, key=_KEY, only_where=free):
            return None
        return self._scope.execute(_by_key(), key).scalar()

    def advance(self, run_id: int, now: datetime, *, done: int, predictions: int) -> bool:
        """Notes how far the run is; False where somebody has cancelled it."""
        values = {"done": done, "predictions": predictions, "updated_at": now}
        self._scope.execute(update(Row).where(Row.id == run_id).values(**values))
        return not self._scope.execute(_cancelled(), {"run": run_id}).scalar()

    def finish(self, run_id: int, status: BacktestStatus, now: datetime, *, done: int, predictions: int) -> None:
        values = {"status": status.value, "done": done, "predictions": predictions, "updated_at": now}
        self._scope.execute(update(Row).where(Row.id == run_id).values(**values))

    def cancel(self, run_id: int) -> bool:
        """Asks a running backtest to stop; False where there is none."""
        statement = update(Row).where(Row.id == run_id, Row.status == BacktestStatus.RUNNING.value)
        result: Any = self._scope.execute(statement.values(cancelled=True))
        return bool(result.rowcount)

    def list(self) -> Sequence[BacktestRun]:
        """The newest first."""
        return [_run(row) for row in self._scope.execute(_all())]

    def replays(
        self, account_ids: Sequence[int], as_of: datetime, engine: str, version: str, window_days: int
    ) -> Mapping[int, float]:
        """The chances that are stored already for these accounts at exactly this instant, by this engine."""
        params = {"ids": list(account_ids), "at": as_of, "engine": engine, "version": version, "window": window_days}
        return {row.account_id: row.probability for row in self._scope.execute(_replays(), params)}


def _run(row: Any) -> BacktestRun:
    return BacktestRun(
        id=row.id,
        engine=row.engine,
        first=date.fromisoformat(row.first_day),
        last=date.fromisoformat(row.last_day),
        every_days=row.every_days,
        window_days=row.window_days,
        status=BacktestStatus(row.status),
        dates=row.dates,
        done=row.done,
        predictions=row.predictions,
        cancelled=row.cancelled,
        updated_at=row.updated_at,
    )


@cache
def _by_key() -> AnySelect:
    columns = (Row.engine, Row.first_day, Row.last_day, Row.every_days, Row.window_days)
    return select(Row.id).where(*(column == bindparam(name) for column, name in zip(columns, _KEY[1:], strict=True)))


@cache
def _cancelled() -> AnySelect:
    return select(Row.cancelled).where(Row.id == bindparam("run"))


@cache
def _all() -> AnySelect:
    return select(
        Row.id,
        Row.engine,
        Row.first_day,
        Row.last_day,
        Row.every_days,
        Row.window_days,
        Row.status,
        Row.dates,
        Row.done,
        Row.predictions,
        Row.cancelled,
        Row.updated_at,
    ).order_by(Row.updated_at.desc(), Row.id.desc())


@cache
def _replays() -> AnySelect:
    stored = AccountMLPrediction
    return select(stored.account_id, stored.probability).where(
        stored.account_id.in_(bindparam("ids", expanding=True)),
        stored.origin == "replay",
        stored.as_of == bindparam("at"),
        stored.prediction_type == "CHURN",
        stored.engine == bindparam("engine"),
        stored.engine_version == bindparam("version"),
        stored.prediction_window == bindparam("window"),
    )
