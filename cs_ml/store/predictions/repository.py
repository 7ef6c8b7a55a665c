"""Stored predictions, their claims, and the facts that came after them."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, literal, or_, select, union_all, update

from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import Prediction, PredictionType
from cs_ml.store.accounts import NO_ENGAGEMENT, happened_at, is_live, not_found
from cs_ml.store.predictions.rows import COLUMNS, prediction_of, row_of
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountMLPrediction,
    CRMActivity,
    Opportunity,
    PredictionClaim,
)

Stored = AccountMLPrediction
_IDS_AT_ONCE = 5_000
_CLAIM_KEY = ("tenantId", "accountId", "predictionType", "windowDays")


class PredictionRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find_valid(self, account_id: int, kind: PredictionType, window_days: int, now: datetime) -> Prediction | None:
        """The ACTIVE prediction of this type and window that is valid at `now`. Raises NotFound for no such account."""
        params = {"account": account_id, "kind": kind, "window": window_days, "now": now}
        row = self._scope.execute(_valid(), params).first()
        if row is None:
            raise not_found()
        return prediction_of(row) if row.id is not None else None

    def list(
        self, account_id: int, kind: PredictionType | None, *, valid_at: datetime | None = None
    ) -> Sequence[Prediction]:
        """Newest first; with `valid_at` only what is ACTIVE and valid then."""
        statement = select(*COLUMNS).where(Stored.account_id == account_id, Stored.engine.is_not(None))
        if kind is not None:
            statement = statement.where(Stored.prediction_type == kind)
        if valid_at is not None:
            statement = statement.where(Stored.status == "ACTIVE", Stored.valid_until > valid_at)
        rows = self._scope.execute(statement.order_by(Stored.predicted_at.desc(), Stored.id.desc()))
        return [prediction_of(row) for row in rows]

    def supersede(self, account_ids: Sequence[int], kind: PredictionType, window_days: int, now: datetime) -> None:
        """Ends the ACTIVE predictions of this type and window; they are kept for validation."""
        params = {"ids": list(account_ids), "kind": kind, "window": window_days}
        self._scope.execute(_supersede().values(updated_at=now), params)

    def save(self, prediction: Prediction, now: datetime) -> int:
        """Stores a new row and answers its id."""
        return self.save_each([prediction], now)[0]

    def save_each(self, predictions: Sequence[Prediction], now: datetime) -> Sequence[int]:
        """Stores new rows at once and answers their ids in the same order."""
        return self._scope.insert_returning_ids(Stored, [row_of(prediction, now) for prediction in predictions])

    def save_all(self, predictions: Sequence[Prediction], now: datetime) -> None:
        """Stores new rows at once."""
        self._scope.insert(Stored, [row_of(prediction, now) for prediction in predictions])

    def new_facts_since(self, account_id: int, since: datetime, now: datetime) -> int:
        """Dated facts of the account in (since, now]."""
        params = {"account": account_id, "since": since, "now": now}
        return sum(self._scope.execute(_new_facts(), params).scalars())

    def without_valid(self, now: datetime, *, after: int, limit: int) -> Sequence[int]:
        """Ids of live accounts that have no valid churn prediction of the default window, a page at a time."""
        params = {"now": now, "after": after, "limit": limit, "window": DEFAULT_WINDOW_DAYS}
        return list(self._scope.execute(_without_valid(), params).scalars())

    def valid_among(self, account_ids: Sequence[int], kind: PredictionType, now: datetime) -> Set[int]:
        """Which of these accounts have a valid prediction of a type and the default window."""
        params = {"kind": kind, "now": now, "window": DEFAULT_WINDOW_DAYS}
        found: set[int] = set()
        for first in range(0, len(account_ids), _IDS_AT_ONCE):
            ids = list(account_ids[first : first + _IDS_AT_ONCE])
            found |= set(self._scope.execute(_valid_among(), params | {"ids": ids}).scalars())
        return found

    def newer_among(self, account_ids: Sequence[int], kind: PredictionType, since: datetime) -> Set[int]:
        """Of which of these accounts a prediction is in force, of a type and the default window, made after `since`."""
        params = {"ids": list(account_ids), "kind": kind, "since": since, "window": DEFAULT_WINDOW_DAYS}
        return set(self._scope.execute(_newer_among(), params).scalars())

    def count_by_band(self, now: datetime) -> Mapping[str, int]:
        """Live accounts by the risk band of their valid churn prediction of the default window."""
        rows = self._scope.execute(_by_band(), {"now": now, "window": DEFAULT_WINDOW_DAYS})
        return {row.category: row.accounts for row in rows}

    def riskiest(self, now: datetime) -> int | None:
        """The account with the highest valid churn probability among those that have not left."""
        return self._scope.execute(_riskiest(), {"now": now, "window": DEFAULT_WINDOW_DAYS}).scalar()

    def count_single_since(self, since: datetime) -> int:
        """Single predictions computed since an instant, for the daily limit; of health only those with which a language
        model was asked, as the others cost nothing."""
        count = self._scope.execute(_singles(), {"since": since}).scalar()
        return int(count or 0)

    def replayed(self, account_ids: Sequence[int], as_of: datetime) -> Set[int]:
        """Which of these accounts have a stored replay of exactly this instant."""
        params = {"ids": list(account_ids), "as_of": as_of, "window": DEFAULT_WINDOW_DAYS}
        return set(self._scope.execute(_replayed(), params).scalars())

    def claim(
        self, account_id: int, kind: PredictionType, window_days: int, *, holder: str, now: datetime, until: datetime
    ) -> bool:
        """True if `holder` may compute now: nobody else does, or their claim has expired. Raises NotFound."""
        return bool(self.claim_each([account_id], kind, window_days, holder=holder, now=now, until=until))

    def claim_each(
        self,
        account_ids: Sequence[int],
        kind: PredictionType,
        window_days: int,
        *,
        holder: str,
        now: datetime,
        until: datetime,
    ) -> Set[int]:
        """The same for many; those that `holder` got. Raises NotFound where one of them does not exist."""
        same = {"predictionType": kind.value, "windowDays": window_days, "holder": holder, "expiresAt": until}
        rows = [
            {"accountId": account, **same} for account in sorted(account_ids)
        ]  # in one order: nobody waits crosswise
        free = PredictionClaim.expires_at <= now
        return set(self._scope.upsert_each(PredictionClaim, rows, key=_CLAIM_KEY, only_where=free, answer="accountId"))

    def release(self, holder: str) -> bool:
        """Ends a claim; False if it had expired and another holder took over."""
        result: Any = self._scope.execute(delete(PredictionClaim).where(PredictionClaim.holder == holder))
        return bool(result.rowcount)

    def release_each(self, holder: str, account_ids: Sequence[int]) -> Set[int]:
        """Ends the claims of these accounts; answers which of them no other holder had taken over."""
        return set(self._scope.execute(_release_each(), {"holder": holder, "ids": list(account_ids)}).scalars())

    def renew(self, holder: str, until: datetime) -> None:
        """Puts off the end of what is still claimed."""
        claimed = update(PredictionClaim).where(PredictionClaim.holder == holder)
        self._scope.execute(claimed.values(expires_at=until))


def _is_valid(row: Any) -> Any:
    ours = (row.status == "ACTIVE") & row.engine.is_not(None)
    return ours & (row.valid_until > bindparam("now")) & (row.prediction_window == bindparam("window"))


@cache
def _valid() -> AnySelect:
    valid = (Stored.account_id == Account.id) & (Stored.prediction_type == bindparam("kind")) & _is_valid(Stored)
    return (
        select(Account.id.label("known"), *COLUMNS)
        .select_from(Account)
        .outerjoin(Stored, valid)
        .where(Account.id == bindparam("account"))
        .order_by(Stored.predicted_at.desc(), Stored.id.desc())
        .limit(1)
    )


@cache
def _supersede() -> Any:
    return (
        update(Stored)
        .where(
            Stored.account_id.in_(bindparam("ids", expanding=True)),
            Stored.prediction_type == bindparam("kind"),
            Stored.prediction_window == bindparam("window"),
            Stored.status == "ACTIVE",
        )
        .values(status="EXPIRED")
    )


@cache
def _release_each() -> Any:
    claim = PredictionClaim
    return (
        delete(claim)
        .where(claim.holder == bindparam("holder"), claim.account_id.in_(bindparam("ids", expanding=True)))
        .returning(claim.account_id)
    )


@cache
def _new_facts() -> Any:
    """One count per kind of fact."""

    def inside(date: Any) -> Any:
        return (date > bindparam("since")) & (date <= bindparam("now"))

    def count(account: Any, *conditions: Any) -> Any:
        return select(func.count(account)).where(account == bindparam("account"), *conditions)

    return union_all(
        count(AccountHealthScoreHistory.account_id, inside(AccountHealthScoreHistory.calculated_at)),
        count(CRMActivity.account_id, inside(happened_at()), CRMActivity.status.not_in(NO_ENGAGEMENT)),
        count(CTA.account_id, inside(CTA.created_at) | inside(CTA.completed_at)),
        count(Opportunity.account_id, inside(Opportunity.created_at) | inside(Opportunity.actual_close_date)),
        count(AccountFact.account_id, inside(AccountFact.valid_from)),
    )


@cache
def _without_valid() -> AnySelect:
    valid = (
        select(literal(1))
        .select_from(Stored)
        .where(Stored.account_id == Account.id, Stored.prediction_type == "CHURN", _is_valid(Stored))
        .correlate(Account)
        .exists()
    )
    return (
        select(Account.id)
        .where(Account.id > bindparam("after"), is_live(), ~valid)
        .order_by(Account.id)
        .limit(bindparam("limit"))
    )


@cache
def _valid_among() -> AnySelect:
    return select(Stored.account_id).where(
        Stored.account_id.in_(bindparam("ids", expanding=True)),
        Stored.prediction_type == bindparam("kind"),
        _is_valid(Stored),
    )


@cache
def _newer_among() -> AnySelect:
    return select(Stored.account_id).where(
        Stored.account_id.in_(bindparam("ids", expanding=True)),
        Stored.prediction_type == bindparam("kind"),
        Stored.prediction_window == bindparam("window"),
        Stored.status == "ACTIVE",
        Stored.engine.is_not(None),
        Stored.predicted_at > bindparam("since"),
    )


@cache
def _by_band() -> AnySelect:
    return (
        select(Stored.category, func.count(Stored.id).label("accounts"))
        .join(Account, Account.id == Stored.account_id)
        .where(Stored.prediction_type == "CHURN", _is_valid(Stored), is_live())
        .group_by(Stored.category)
    )


@cache
def _riskiest() -> AnySelect:
    return (
        select(Stored.account_id)
        .join(Account, Account.id == Stored.account_id)
        .where(Stored.prediction_type == "CHURN", _is_valid(Stored), Account.type != "CHURNED")
        .order_by(Stored.probability.desc(), Stored.account_id)
        .limit(1)
    )


@cache
def _replayed() -> AnySelect:
    return select(Stored.account_id).where(
        Stored.account_id.in_(bindparam("ids", expanding=True)),
        Stored.origin == "replay",
        Stored.as_of == bindparam("as_of"),
        Stored.prediction_type == "CHURN",
        Stored.prediction_window == bindparam("window"),
    )


@cache
def _singles() -> AnySelect:
    asked = or_(
        Stored.prediction_type != "HEALTH_TREND", Stored.llm_model.is_not(None), Stored.fallback_reason.is_not(None)
    )
    return select(func.count(Stored.id)).where(
        Stored.origin == "single", asked, Stored.created_at >= bindparam("since")
    )
