"""What is known of an account at an instant: raw dated rows become an `AccountContext`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, get_args

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.context import (
    ACTIVITY_DAYS,
    BASELINE_DAYS,
    COMPARED_DAYS,
    WINDOWS,
    AccountContext,
    AccountProfile,
    ActivityFact,
    ActivityHistory,
    CtaFact,
    CustomValue,
    HealthPoint,
    OpportunityFact,
    Sentiment,
    Signals,
    WindowTotals,
)
from cs_ml.domain.measures import completeness, metrics
from cs_ml.services.clock import Clock, Moment, moment
from cs_ml.store.accounts import AccountRepository, not_found
from cs_ml.store.database import Database
from cs_ml.store.history.facts import AccountRecords, FactRepository, Record
from cs_ml.store.history.signals import SignalRepository
from cs_ml.store.scope import Scope


class ContextService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def resolve(self, actor: Actor, account: str | int) -> int:
        """The id of an account named by id or imported reference. Raises NotFound."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return AccountRepository(scope).get(account)

    def gather_context(self, actor: Actor, account_id: int, as_of: datetime | None = None) -> AccountContext:
        """Everything known of one account at `as_of` (default: now). Raises NotFound."""
        found = self.gather_contexts(actor, [account_id], as_of)
        if account_id not in found:
            raise not_found()
        return found[account_id]

    def gather_contexts(
        self, actor: Actor, account_ids: Sequence[int], as_of: datetime | None = None
    ) -> dict[int, AccountContext]:
        """The same for many accounts in as many statements; accounts that do not exist for the actor are absent."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return read_contexts(scope, account_ids, moment(self._clock, as_of))


def read_contexts(
    scope: Scope, account_ids: Sequence[int], at: Moment, *, signals: bool = False
) -> dict[int, AccountContext]:
    """Within the caller's transaction. With `signals` also the long view, two statements more."""
    records = FactRepository(scope).load(account_ids, at.at)
    seen = SignalRepository(scope).load(list(records), at.at) if signals and records else {}
    return {account_id: _context(record, at, seen.get(account_id)) for account_id, record in records.items()}


def _context(records: AccountRecords, at: Moment, signals: Signals | None) -> AccountContext:
    snapshot: Mapping[str, Any] = {} if at.live else records.account.snapshot or {}
    profile = _profile(records, snapshot, at)
    health = [_health_point(number, row) for number, row in enumerate(records.health, start=1)]
    activities = [_activity(number, row) for number, row in enumerate(records.activities, start=1)]
    history = _history(records.totals)
    since = (at.at - history.last_at).total_seconds() // 86400 if history.last_at else None
    return AccountContext(
        as_of=at.at,
        live=at.live,
        profile=profile,
        health=health,
        activities=activities,
        history=history,
        ctas=[_cta(number, row, snapshot, at) for number, row in enumerate(records.ctas, start=1)],
        opportunities=[_opportunity(number, row, at) for number, row in enumerate(records.opportunities, start=1)],
        metrics=metrics(activities, history, since),
        completeness=completeness(profile, health, history),
        signals=signals,
    )


def _profile(records: AccountRecords, snapshot: Mapping[str, Any], at: Moment) -> AccountProfile:
    row = records.account
    now = _attributes(records.facts, at.at)
    before = _attributes(records.facts, at.at - timedelta(days=COMPARED_DAYS))
    renewal = now.get("renewal_date")
    since = row.created_at if row.created_at <= at.at else None
    current: Mapping[str, Any] = _current(row) if at.live else snapshot
    return AccountProfile(
        account_id=row.id,
        reference=row.reference,
        name=row.name,
        type=current.get("type"),
        industry=row.industry,
        segment=now.get("segment"),
        owner_id=current.get("ownerId"),
        owner_name=row.owner_name if at.live else now.get("owner_email"),
        arr=now.get("arr"),
        arr_before=before.get("arr"),
        currency=now.get("currency"),
        plan=now.get("plan"),
        seats=now.get("seats"),
        seats_before=before.get("seats"),
        renewal_date=renewal.date() if renewal else None,
        days_to_renewal=(renewal.date() - at.at.date()).days if renewal else None,
        lifecycle_stage=now.get("lifecycle_stage"),
        customer_since=since.date() if since else None,
        age_days=(at.at - since).days if since else None,
        health_score=current.get("healthScore"),
        engagement_score=current.get("engagementScore"),
        churn_risk=current.get("churnRisk"),
        custom_fields=_custom_fields(records, at),
    )


def _current(row: Record) -> dict[str, Any]:
    return {
        "type": row.type,
        "ownerId": row.owner_id,
        "healthScore": row.health_score,
        "engagementScore": row.engagement_score,
        "churnRisk": row.churn_risk,
    }


_CHANGING = ("arr", "plan", "seats", "renewal_date", "lifecycle_stage", "owner_email")
_TIMELESS = ("segment", "currency")
_SENTIMENTS: Mapping[str, Sentiment] = {value: value for value in get_args(Sentiment)}


def _attributes(facts: Iterable[Record], at: datetime) -> dict[str, Any]:
    """The dated rows at `at`: the newest change is the whole truth, a newer listing overrides what it names."""
    values: dict[str, Any] = {}
    for fact in facts:  # in order of valid_from; of one day, the change comes last
        if fact.valid_from > at:
            break
        if fact.kind == "timeless":
            values |= {name: getattr(fact, name) for name in _TIMELESS}
        elif fact.kind == "changed":
            values |= {name: getattr(fact, name) for name in _CHANGING}
        elif fact.kind == "listed":
            values |= {name: getattr(fact, name) for name in _CHANGING if getattr(fact, name) is not None}
    return values


def _custom_fields(records: AccountRecords, at: Moment) -> dict[str, CustomValue]:
    """The CRM's own fields: dated rows where there are any; the undated current ones only for the present."""
    current = records.account.crm_custom_fields
    fields: dict[str, Any] = dict(current) if at.live and isinstance(current, Mapping) else {}
    for fact in records.facts:
        if fact.kind == "custom" and fact.custom_fields:
            fields |= fact.custom_fields
    return {name: value for name, value in sorted(fields.items()) if isinstance(value, str | int | float)}


def _health_point(number: int, row: Record) -> HealthPoint:
    return HealthPoint(
        id=f"H{number}",
        at=row.calculated_at,
        overall=row.overall_score,
        usage=row.usage_score,
        support=row.support_score,
        engagement=row.engagement_score,
        sentiment=row.sentiment_score,
        financial=row.financial_score,
    )


def _activity(number: int, row: Record) -> ActivityFact:
    details = row.details if isinstance(row.details, Mapping) else {}
    return ActivityFact(
        id=f"A{number}",
        at=row.at,
        type=row.type,
        source_type=_text(details.get("sourceType")),
        direction=_text(details.get("direction")),
        sentiment=_sentiment(details.get("sentiment")),
        subject=row.subject,
        quantity=_number(details.get("quantity")),
        amount=_number(details.get("amount")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sentiment(value: object) -> Sentiment | None:
    """A CRM keeps anything under that name; what is not one of the three is missing."""
    return _SENTIMENTS.get(value.upper()) if isinstance(value, str) else None


def _history(bands: Sequence[Record]) -> ActivityHistory:
    """Sums over disjoint bands of age, oldest first. A day that a bound cuts in two was counted on both sides."""
    cut = sum(older.last_at.date() == newer.first_at.date() for older, newer in pairwise(bands))
    recent = [row for row in bands if row.band is not None]
    return ActivityHistory(
        first_at=bands[0].first_at if bands else None,
        last_at=bands[-1].last_at if bands else None,
        count=sum(row.activities for row in bands),
        active_days=sum(row.days for row in bands) - cut,
        quantities=sum(row.quantities for row in bands),
        baseline=sum(row.activities for row in recent if ACTIVITY_DAYS < row.band <= ACTIVITY_DAYS + BASELINE_DAYS),
        windows=[_window(days, [row for row in recent if row.band <= days]) for days in WINDOWS],
    )


def _window(days: int, bands: Sequence[Record]) -> WindowTotals:
    return WindowTotals(
        days=days,
        count=sum(row.activities for row in bands),
        quantity=sum((row.quantity or 0.0 for row in bands), 0.0),
        amount=sum((row.amount or 0.0 for row in bands), 0.0),
    )


def _cta(number: int, row: Record, snapshot: Mapping[str, Any], at: Moment) -> CtaFact:
    if at.live:
        status, priority, due = row.status, row.detail, row.due_at
    else:
        then = snapshot.get("ctas", {}).get(str(row.id), {})
        status, priority = then.get("status"), then.get("priority")
        due = datetime.fromisoformat(then["due"]) if then.get("due") else None
    overdue = (at.at - due).days if due else None
    return CtaFact(
        id=f"C{number}",
        cta_id=row.id,
        type=row.type,
        title=row.name,
        created_at=row.created_at,
        status=status,
        priority=priority,
        due_at=due,
        overdue_days=max(overdue, 0) if overdue is not None else None,
    )


def _opportunity(number: int, row: Record, at: Moment) -> OpportunityFact:
    """A deal that closed after `at` was open then; stage, amount, probability and expected close have no history."""
    closed = row.closed_at if row.closed_at and row.closed_at <= at.at else None
    return OpportunityFact(
        id=f"O{number}",
        name=row.name,
        status=row.status if closed else "OPEN",
        created_at=row.created_at,
        closed_at=closed,
        expected_close=row.due_at if at.live else None,
        stage=row.detail if at.live else None,
        amount=row.amount if at.live else None,
        currency=row.currency,
        probability=row.probability if at.live else None,
    )
