"""Stored models and calibrations: the newest is in force, older ones stay for the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, select

from cs_ml.domain.predictions import EngineName
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import EngineCalibration, JudgedOutcome, LearnedModel

_MODEL_KEY = ("tenantId", "windowDays", "version")
_CALIBRATION_KEY = ("tenantId", "engine", "version")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModel:
    """`numbers`: the model as JSON values; `metrics`: of its validation."""

    version: str
    kind: str
    window_days: int
    fingerprint: str
    trained_at: datetime
    metrics: Mapping[str, Any]
    numbers: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCalibration:
    """Fitted on `outcomes` judged windows of which `churned` churned; `numbers`: the calibration as JSON values."""

    engine: EngineName
    version: str
    fitted_at: datetime
    outcomes: int
    churned: int
    numbers: Mapping[str, Any]


class ModelRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find(self, window_days: int, at: datetime) -> StoredModel | None:
        """The model in force at `at`: the one trained last by then."""
        row = self._scope.execute(_newest(), {"window": window_days, "at": at}).first()
        if row is None:
            return None
        names = ("version", "kind", "window_days", "fingerprint", "trained_at", "metrics", "numbers")
        return StoredModel(**{name: getattr(row, name) for name in names})

    def version(self, window_days: int, at: datetime) -> str | None:
        """That of the model in force at `at`."""
        return self._scope.execute(_newest_version(), {"window": window_days, "at": at}).scalar()

    def save(self, model: StoredModel, now: datetime) -> None:
        """The same model again is the same row, trained anew."""
        row = {
            "windowDays": model.window_days,
            "version": model.version,
            "kind": model.kind,
            "fingerprint": model.fingerprint,
            "trainedAt": model.trained_at,
            "metrics": dict(model.metrics),
            "numbers": dict(model.numbers),
            "createdAt": now,
        }
        self._scope.upsert(LearnedModel, row, key=_MODEL_KEY)

    def judged_days(self, window_days: int, until: datetime) -> Sequence[datetime]:
        """Instants not after `until` from which windows of this length were judged by hand or by an import."""
        rows = self._scope.execute(_days(), {"window": window_days, "until": until})
        return [row.as_of for row in rows]


class CalibrationRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list(self, at: datetime) -> Mapping[EngineName, StoredCalibration]:
        """Those in force at `at`, by engine."""
        names = ("engine", "version", "fitted_at", "outcomes", "churned", "numbers")
        rows = self._scope.execute(_calibrations(), {"at": at})
        return {row.engine: StoredCalibration(**{name: getattr(row, name) for name in names}) for row in rows}

    def save(self, found: StoredCalibration, now: datetime) -> None:
        row = {
            "engine": found.engine,
            "version": found.version,
            "fittedAt": found.fitted_at,
            "outcomes": found.outcomes,
            "churned": found.churned,
            "numbers": dict(found.numbers),
            "createdAt": now,
        }
        self._scope.upsert(EngineCalibration, row, key=_CALIBRATION_KEY)


@cache
def _newest() -> AnySelect:
    row = LearnedModel
    return (
        select(row.version, row.kind, row.window_days, row.fingerprint, row.trained_at, row.metrics, row.numbers)
        .where(row.window_days == bindparam("window"), row.trained_at <= bindparam("at"))
        .order_by(row.trained_at.desc(), row.id.desc())
        .limit(1)
    )


@cache
def _newest_version() -> AnySelect:
    row = LearnedModel
    newest = select(row.version).where(row.window_days == bindparam("window"), row.trained_at <= bindparam("at"))
    return newest.order_by(row.trained_at.desc(), row.id.desc()).limit(1)


@cache
def _days() -> AnySelect:
    row = JudgedOutcome
    return (
        select(row.as_of, func.count().label("windows"))
        .where(row.window_days == bindparam("window"), row.as_of <= bindparam("until"))
        .group_by(row.as_of)
        .order_by(row.as_of)
    )


@cache
def _calibrations() -> AnySelect:
    """In order of date, so that the newest of an engine comes last."""
    row: Any = EngineCalibration
    columns = (row.engine, row.version, row.fitted_at, row.outcomes, row.churned, row.numbers)
    return select(*columns).where(row.fitted_at <= bindparam("at")).order_by(row.fitted_at, row.id)
