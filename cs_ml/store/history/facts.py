"""The dated facts of accounts, set-based: five statements whatever the number of accounts or the length of history.

What has no history (decisions on point in time) is read from the CRM's row only for a live reading; for a past instant
it comes from the newest snapshot not after it, else it is unknown.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Integer,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.engine import Row

from cs_ml.domain.context import ACTIVITY_DAYS, BASELINE_DAYS, CLOSED_OPPORTUNITY_DAYS, HEALTH_DAYS, WINDOWS
from cs_ml.store.accounts import NO_ENGAGEMENT, day_of, happened_at, stated_number
from cs_ml.store.columns import UtcDateTime
from cs_ml.store.scope import AnySelect, Guardable, Scope
from cs_ml.store.tables import (
    CTA,
    Account,
    AccountFact,
    AccountHealthScoreHistory,
    AccountSnapshot,
    CRMActivity,
    ExternalRef,
    Opportunity,
    SalesPipelineStage,
    User,
)

Record = Row[Any]


@dataclass(slots=True)
class AccountRecords:
    """The raw rows of one account, in order of date; `services/context.py` gives them meaning."""

    account: Record
    facts: list[Record] = field(default_factory=list)
    health: list[Record] = field(default_factory=list)
    activities: list[Record] = field(default_factory=list)
    totals: list[Record] = field(default_factory=list)
    ctas: list[Record] = field(default_factory=list)
    opportunities: list[Record] = field(default_factory=list)


class FactRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def load(self, account_ids: Sequence[int], as_of: datetime) -> dict[int, AccountRecords]:
        """Everything dated not after `as_of` that a context needs, by account id; absent ids do not exist."""
        instants = {f"d{days}": as_of - timedelta(days=days) for days in _BOUNDS}
        params: dict[str, Any] = {"ids": list(account_ids), "as_of": as_of, **instants}
        records: dict[int, AccountRecords] = {}
        for row in self._rows(_accounts, params):
            record = records.get(row.id)
            if record is None:
                record = records[row.id] = AccountRecords(account=row)
            if row.kind is not None:
                record.facts.append(row)
        params["ids"] = list(records)  # no rows of accounts that do not exist for the actor, whatever they point to
        if not records:
            return records
        for row in self._rows(_health, params):
            records[row.account_id].health.append(row)
        for row in self._rows(_activities, params):
            records[row.account_id].activities.append(row)
        for row in self._rows(_totals, params, self._scope.dialect):
            records[row.account_id].totals.append(row)
        self._add_work(records, self._rows(_open_work, params))
        return records

    def _rows(self, statement: Callable[..., Guardable], params: Mapping[str, Any], *choices: str) -> Sequence[Record]:
        """One account is asked for with `=`: a list of any length costs SQLAlchemy an eighth of a context's time."""
        ids = params["ids"]
        one = len(ids) == 1
        return self._scope.execute(statement(one, *choices), {**params, "id": ids[0]} if one else params).all()

    @staticmethod
    def _add_work(records: dict[int, AccountRecords], rows: Iterable[Record]) -> None:
        for row in rows:
            record = records[row.account_id]
            (record.ctas if row.work == "cta" else record.opportunities).append(row)
        for record in records.values():
            record.ctas.sort(key=_by_creation)
            record.opportunities.sort(key=_by_creation)


def _by_creation(row: Record) -> tuple[datetime, int]:
    return row.created_at, row.id


# Days of age at which a figure of an account's history begins or ends.
_BANDS = sorted({*WINDOWS, ACTIVITY_DAYS, ACTIVITY_DAYS + BASELINE_DAYS})
_BOUNDS = {*_BANDS, HEALTH_DAYS, CLOSED_OPPORTUNITY_DAYS}


def _is_asked(account_id: Any, one: bool) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = (
        account_id == bindparam("id") if one else account_id.in_(bindparam("ids", expanding=True))
    )
    return condition


@cache
def _accounts(one: bool) -> AnySelect:
    ref = (
        select(func.min(ExternalRef.ref))
        .where(ExternalRef.kind == "account", ExternalRef.target_id == Account.id)
        .correlate(Account)
        .scalar_subquery()
    )
    newest = (
        select(func.max(AccountSnapshot.taken_at))
        .where(AccountSnapshot.account_id == Account.id, AccountSnapshot.taken_at <= bindparam("as_of"))
        .correlate(Account)
        .scalar_subquery()
    )
    snapshot = (
        select(AccountSnapshot.facts)
        .where(AccountSnapshot.account_id == Account.id, AccountSnapshot.taken_at == newest)
        .correlate(Account)
        .scalar_subquery()
    )
    fact = and_(AccountFact.account_id == Account.id, AccountFact.valid_from <= bindparam("as_of"))
    return (
        select(
            Account.id,
            ref.label("reference"),
            Account.name,
            Account.type,
            Account.industry,
            Account.owner_id,
            User.name.label("owner_name"),
            Account.health_score,
            Account.engagement_score,
            Account.churn_risk,
            Account.custom_fields.label("crm_custom_fields"),
            Account.created_at,
            snapshot.label("snapshot"),
            AccountFact.kind,
            AccountFact.valid_from,
            AccountFact.arr,
            AccountFact.currency,
            AccountFact.plan,
            AccountFact.segment,
            AccountFact.renewal_date,
            AccountFact.lifecycle_stage,
            AccountFact.seats,
            AccountFact.owner_email,
            AccountFact.custom_fields,
        )
        .select_from(Account)
        .outerjoin(User, User.id == Account.owner_id)
        .outerjoin(AccountFact, fact)
        .where(_is_asked(Account.id, one))
        .order_by(Account.id, AccountFact.valid_from, AccountFact.kind.desc())  # of one day, the change comes last
    )


@cache
def _health(one: bool) -> AnySelect:
    point = AccountHealthScoreHistory
    return (
        select(
            point.account_id,
            point.calculated_at,
            point.overall_score,
            point.usage_score,
            point.support_score,
            point.engagement_score,
            point.sentiment_score,
            point.financial_score,
        )
        .where(
            _is_asked(point.account_id, one),
            point.calculated_at <= bindparam("as_of"),
            point.calculated_at > bindparam(f"d{HEALTH_DAYS}"),
        )
        .order_by(point.account_id, point.calculated_at, point.id)
    )


def _happened(one: bool) -> Any:
    return and_(
        _is_asked(CRMActivity.account_id, one),
        happened_at() <= bindparam("as_of"),
        *(CRMActivity.status != status for status in NO_ENGAGEMENT),  # no list, for the reason of `_rows`
    )


@cache
def _activities(one: bool) -> AnySelect:
    return (
        select(
            CRMActivity.account_id,
            CRMActivity.id,
            happened_at().label("at"),
            CRMActivity.type,
            CRMActivity.subject,
            CRMActivity.details,
        )
        .where(_happened(one), happened_at() > bindparam(f"d{ACTIVITY_DAYS}"))
        .order_by(CRMActivity.account_id, happened_at(), CRMActivity.id)
    )


@cache
def _totals(one: bool, dialect: str) -> AnySelect:
    """One row per account and band of age: the youngest bound in days that an activity is within, NULL if older.

    Bands do not overlap, so JSON is read once per activity, not once per window that it falls into (a quarter less).
    """
    at = happened_at()
    stated = stated_number("quantity", dialect)
    return (
        select(
            CRMActivity.account_id,
            case(*((at > bindparam(f"d{days}"), literal(days, Integer)) for days in _BANDS)).label("band"),
            func.count().label("activities"),
            func.count(day_of(at, dialect).distinct()).label("days"),
            func.min(at).label("first_at"),
            func.max(at).label("last_at"),
            func.count(stated).label("quantities"),
            func.sum(stated).label("quantity"),
            func.sum(stated_number("amount", dialect)).label("amount"),
        )
        .where(_happened(one))
        .group_by(CRMActivity.account_id, "band")
        .order_by("first_at")
    )


@cache
def _open_work(one: bool) -> CompoundSelect[*tuple[Any, ...]]:
    """CTAs open at `as_of`, and opportunities open then or closed in the days before: one shape for both."""
    as_of: BindParameter[datetime] = bindparam("as_of")
    cta_ended = func.coalesce(CTA.completed_at, case((CTA.status.in_(("COMPLETED", "CANCELLED")), CTA.updated_at)))
    ctas = select(
        literal("cta").label("work"),
        CTA.account_id.label("account_id"),
        CTA.id.label("id"),
        CTA.title.label("name"),
        cast(CTA.type, SqlText).label("type"),
        cast(CTA.status, SqlText).label("status"),
        cast(CTA.priority, SqlText).label("detail"),
        CTA.created_at.label("created_at"),
        CTA.due_date.label("due_at"),
        cast(null(), UtcDateTime).label("closed_at"),
        cast(null(), Opportunity.amount.type).label("amount"),
        cast(null(), SqlText).label("currency"),
        cast(null(), Integer).label("probability"),
    ).where(_is_asked(CTA.account_id, one), CTA.created_at <= as_of, or_(cta_ended.is_(None), cta_ended > as_of))
    ended = func.coalesce(Opportunity.actual_close_date, Opportunity.updated_at)
    closed = case((Opportunity.status != "OPEN", ended))
    deals = (
        select(
            literal("opportunity").label("work"),
            Opportunity.account_id,
            Opportunity.id,
            Opportunity.name,
            cast(null(), SqlText),
            cast(Opportunity.status, SqlText),
            SalesPipelineStage.name,
            Opportunity.created_at,
            Opportunity.expected_close_date,
            closed,
            Opportunity.amount,
            Opportunity.currency,
            Opportunity.probability,
        )
        .outerjoin(SalesPipelineStage, SalesPipelineStage.id == Opportunity.stage_id)
        .where(
            _is_asked(Opportunity.account_id, one),
            Opportunity.created_at <= as_of,
            or_(closed.is_(None), closed > bindparam(f"d{CLOSED_OPPORTUNITY_DAYS}")),
        )
    )
    return union_all(ctas, deals)
