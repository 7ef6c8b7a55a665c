"""Valid predictions as reasons to act."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, literal, select, update

from cs_ml.domain.ctas.values import DismissedBy, Suggestion
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS, RiskBand
from cs_ml.domain.predictions import PredictionType
from cs_ml.store.accounts import is_live, not_found
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import CTA, Account, AccountMLPrediction
from cs_ml.store.work.proposals import dismissal_json, dismissal_of, proposal_of

Stored = AccountMLPrediction


@dataclass(frozen=True, kw_only=True, slots=True)
class Sought:
    """Which suggestions: of these accounts (None: all), at these bands, not taken up yet; riskiest first."""

    kind: PredictionType
    bands: Collection[RiskBand]
    account_ids: Sequence[int] | None = None
    owner_id: int | None = None
    search: str = ""


class SuggestionRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find(self, account_id: int, kind: PredictionType, now: datetime) -> Suggestion | None:
        """What the newest valid prediction of the default window suggests. Raises NotFound for no such account."""
        params = {"account": account_id, "kind": kind.value, "now": now, "window": DEFAULT_WINDOW_DAYS}
        row = self._scope.execute(_newest(), params).first()
        if row is None:
            raise not_found()
        return _suggestion(row) if row.id is not None else None

    def list(self, sought: Sought, now: datetime, *, limit: int, offset: int = 0) -> Sequence[Suggestion]:
        """Not dismissed, of live accounts without an open CTA that came from a prediction of this type."""
        ordered = _pending(sought, _COLUMNS).order_by(Stored.probability.desc(), Stored.id)
        rows = self._scope.execute(ordered.limit(limit).offset(offset), _params(sought, now))
        return [_suggestion(row) for row in rows]

    def count(self, sought: Sought, now: datetime) -> int:
        statement = _pending(sought, (func.count(Stored.id),))
        return int(self._scope.execute(statement, _params(sought, now)).scalar() or 0)

    def candidates(self, sought: Sought, now: datetime, *, limit: int) -> Sequence[Suggestion]:
        """Everything that suggests a CTA and has none, riskiest first; dismissed ones and accounts with open CTAs too:
        the rules decide on those."""
        statement = _valid(sought, _COLUMNS).where(Stored.generated_cta_id.is_(None))
        rows = self._scope.execute(
            statement.order_by(Stored.probability.desc(), Stored.id).limit(limit), _params(sought, now)
        )
        return [_suggestion(row) for row in rows]

    def dismiss(self, prediction_id: int, dismissed: DismissedBy, now: datetime) -> None:
        values = {"cta_dismissal": dismissal_json(dismissed), "updated_at": now}
        self._scope.execute(update(Stored).where(Stored.id == prediction_id).values(**values))

    def dismissed_since(self, account_ids: Sequence[int], since: datetime) -> dict[int, datetime]:
        """When a person last turned down a suggestion for these accounts, of predictions not older than `since`."""
        found: dict[int, datetime] = {}
        for row in self._scope.execute(_dismissed(), {"ids": list(account_ids), "since": since}):
            at = dismissal_of(row.cta_dismissal).at
            found[row.account_id] = max(at, found.get(row.account_id, at))
        return found


_COLUMNS = (
    Stored.id,
    Stored.account_id,
    Account.name.label("account_name"),
    Stored.category,
    Stored.probability,
    Stored.confidence,
    Stored.predicted_at,
    Stored.suggested_cta,
    Stored.cta_dismissal,
    Stored.generated_cta_id,
)


def _suggestion(row: Any) -> Suggestion:
    return Suggestion(
        prediction_id=row.id,
        account_id=row.account_id,
        account_name=row.account_name,
        band=RiskBand(row.category),
        probability=row.probability,
        confidence=row.confidence,
        predicted_at=row.predicted_at,
        proposal=proposal_of(row.suggested_cta) if row.suggested_cta else None,
        dismissed=dismissal_of(row.cta_dismissal) if row.cta_dismissal else None,
        cta_id=row.generated_cta_id,
    )


def _is_valid() -> Any:
    ours = (Stored.status == "ACTIVE") & Stored.engine.is_not(None) & (Stored.prediction_type == bindparam("kind"))
    return ours & (Stored.valid_until > bindparam("now")) & (Stored.prediction_window == bindparam("window"))


@cache
def _newest() -> AnySelect:
    return (
        select(*_COLUMNS)
        .select_from(Account)
        .outerjoin(Stored, (Stored.account_id == Account.id) & _is_valid())
        .where(Account.id == bindparam("account"))
        .order_by(Stored.predicted_at.desc(), Stored.id.desc())
        .limit(1)
    )


def _valid(sought: Sought, columns: Sequence[Any]) -> AnySelect:
    statement = (
        select(*columns)
        .select_from(Stored)
        .join(Account, Account.id == Stored.account_id)
        .where(
            _is_valid(),
            is_live(),
            Stored.category.in_(bindparam("bands", expanding=True)),
            Stored.suggested_cta.is_not(None),
        )
    )
    if sought.account_ids is not None:
        statement = statement.where(Stored.account_id.in_(bindparam("ids", expanding=True)))
    return statement


def _pending(sought: Sought, columns: Sequence[Any]) -> AnySelect:
    is_open = (
        select(literal(1))
        .select_from(CTA)
        .where(
            CTA.account_id == Stored.account_id,
            CTA.status.in_(("OPEN", "IN_PROGRESS", "SNOOZED")),
            CTA.trigger_rule == bindparam("rule"),
        )
        .correlate(Stored)
        .exists()
    )
    statement = _valid(sought, columns).where(
        Stored.generated_cta_id.is_(None), Stored.cta_dismissal.is_(None), ~is_open
    )
    if sought.owner_id is not None:
        statement = statement.where(Account.owner_id == bindparam("owner"))
    if sought.search:
        statement = statement.where(Account.name.icontains(sought.search, autoescape=True))
    return statement


def _params(sought: Sought, now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "window": DEFAULT_WINDOW_DAYS,
        "kind": sought.kind.value,
        "rule": f"ML_{sought.kind.value}",
        "bands": [band.value for band in sought.bands],
        "ids": list(sought.account_ids or ()),
        "owner": sought.owner_id,
    }


@cache
def _dismissed() -> AnySelect:
    return select(Stored.account_id, Stored.cta_dismissal).where(
        Stored.account_id.in_(bindparam("ids", expanding=True)),
        Stored.cta_dismissal.is_not(None),
        Stored.updated_at >= bindparam("since"),
    )
