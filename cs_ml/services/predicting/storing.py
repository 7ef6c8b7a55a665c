"""New predictions become rows: the one before ends, unless it is a better engine's answer and still valid."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.domain.predictions import Prediction, PredictionStatus
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.predictions import PredictionRepository
from cs_ml.store.scope import Scope


def store(scope: Scope, predictions: Sequence[Prediction], now: datetime | None = None) -> Mapping[int, Prediction]:
    """By account, what is in force from now on. `predictions`: of one type, window and instant, one per account. `now`:
    where that is later than when they were made."""
    AuditRepository(scope).add([_made(prediction, now or prediction.predicted_at) for prediction in predictions])
    fell_back = [one for one in predictions if one.provenance.fallback_reason is not None]
    answered = [one for one in predictions if one.provenance.fallback_reason is None]
    stood = {one.account_id: _beside(scope, one) for one in fell_back}
    new = [*answered, *(one for one in fell_back if stood[one.account_id] is None)]
    kept = {account: valid for account, valid in stood.items() if valid is not None}
    return {**kept, **_in_place(scope, new, now)}


def _in_place(scope: Scope, predictions: Sequence[Prediction], now: datetime | None) -> Mapping[int, Prediction]:
    """Stored instead of those before."""
    if not predictions:
        return {}
    stored, first = PredictionRepository(scope), predictions[0]
    at = now or first.predicted_at
    accounts = [one.account_id for one in predictions]
    stored.supersede(accounts, first.type, first.window_days, at)
    ids = stored.save_each(predictions, at)
    return {one.account_id: replace(one, id=key) for one, key in zip(predictions, ids, strict=True)}


def _beside(scope: Scope, prediction: Prediction) -> Prediction | None:
    """The valid one of an engine that could not answer this time, the new one stored beside it; None without one."""
    stored, now = PredictionRepository(scope), prediction.predicted_at
    valid = stored.find_valid(prediction.account_id, prediction.type, prediction.window_days, now)
    if valid is None or not passed_over(valid, prediction):
        return None
    stored.save(replace(prediction, status=PredictionStatus.EXPIRED), now)
    newer = stored.new_facts_since(valid.account_id, valid.as_of, now)
    return with_reason(replace(valid, cached=True, new_facts_since=newer), prediction)


def passed_over(valid: Prediction, prediction: Prediction) -> bool:
    """Whether `valid` comes from an engine that could not answer this time."""
    fell_back, stands = prediction.provenance.fallback_reason, valid.provenance.fallback_reason is None
    return fell_back is not None and stands and valid.provenance.engine != prediction.provenance.engine


def with_reason(valid: Prediction, prediction: Prediction) -> Prediction:
    """`valid`, saying why its engine did not give a newer one."""
    reason = prediction.provenance.fallback_reason
    return replace(valid, provenance=replace(valid.provenance, fallback_reason=reason))


def _made(prediction: Prediction, at: datetime) -> AuditEntry:
    return AuditEntry(
        at=at,
        action="prediction.made",
        entity_type="account",
        entity_id=str(prediction.account_id),
        after={
            "type": prediction.type.value,
            "windowDays": prediction.window_days,
            "probability": prediction.probability,
            "engine": prediction.provenance.engine,
            "fallbackReason": prediction.provenance.fallback_reason,
        },
    )
