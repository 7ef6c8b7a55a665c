"""The inbox: CTAs by section, counted and paged in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, extract, func, or_, select

from cs_ml.domain.ctas.inbox import PAGE_CTAS, WEEK_DAYS, CtaStats, InboxQuery, Section, TypeStats
from cs_ml.domain.ctas.values import Cta, CtaType
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import CTA, Account
from cs_ml.store.work.rows import cta_of, ctas, is_asleep, is_awake, midnight, tasks_of

_SECTIONS: Sequence[Section] = [section for section in Section if section is not Section.SUGGESTED]


@dataclass(frozen=True, kw_only=True, slots=True)
class Days:
    """`now`, and the tenant's day at it."""

    now: datetime
    today: date

    def params(self) -> dict[str, Any]:
        today = midnight(self.today)
        return {
            "now": self.now,
            "today": today,
            "tomorrow": today + timedelta(days=1),
            "week_end": today + timedelta(days=WEEK_DAYS),
        }


class InboxRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def counts(self, query: InboxQuery, days: Days) -> Mapping[Section, int]:
        """CTAs by section, but for the suggested ones."""
        columns = [func.sum(case((_inside(section), 1), else_=0)).label(section.value) for section in _SECTIONS]
        statement = select(func.count(CTA.id).label("all"), *columns).select_from(CTA)
        row = self._scope.execute(_filtered(statement, query), _params(query, days)).one()
        return {section: int(row._mapping[section.value] or 0) for section in _SECTIONS}

    def page(self, query: InboxQuery, days: Days) -> Sequence[Cta]:
        """A page of a section with the tasks."""
        start = (query.page - 1) * PAGE_CTAS
        statement = _ordered(_filtered(ctas().where(_inside(query.section)), query, joined=True), query.section)
        rows = self._scope.execute(statement.limit(PAGE_CTAS).offset(start), _params(query, days)).all()
        return self._with_tasks(rows, days.now)

    def mine(self, owner_id: int, days: Days, *, limit: int) -> Sequence[Cta]:
        """Everything that somebody has to do, by due date."""
        query = InboxQuery(section=Section.TODAY, owner_id=owner_id)
        statement = _filtered(ctas().where(or_(is_awake(), is_asleep())), query, joined=True)
        rows = self._scope.execute(_ordered(statement, Section.TODAY).limit(limit), _params(query, days)).all()
        return self._with_tasks(rows, days.now)

    def stats(self) -> CtaStats:
        """Of CTAs that were made from predictions."""
        rows = self._scope.execute(_stats(self._scope.dialect)).all()
        made, completed = sum(row.made for row in rows), sum(row.completed for row in rows)
        days = sum(float(row.days or 0) for row in rows)
        return CtaStats(
            total_generated=made,
            open_count=sum(row.open for row in rows),
            completed_count=completed,
            cancelled_count=sum(row.cancelled for row in rows),
            automated_count=sum(row.automated for row in rows),
            completion_rate=completed / made if made else None,
            by_type=[
                TypeStats(
                    type=CtaType(row.type),
                    made=row.made,
                    open=row.open,
                    completed=row.completed,
                    cancelled=row.cancelled,
                )
                for row in rows
            ],
            average_resolution_days=days / completed if completed else None,
        )

    def _with_tasks(self, rows: Sequence[Any], now: datetime) -> Sequence[Cta]:
        tasks: dict[int, list[Any]] = {row.id: [] for row in rows}
        for task in self._scope.execute(tasks_of(), {"ids": list(tasks)}):
            tasks[task.cta_id].append(task)
        return [cta_of(row, now, tasks[row.id]) for row in rows]


def _inside(section: Section) -> Any:
    match section:
        case Section.SUGGESTED | Section.OVERDUE:
            return and_(is_awake(), CTA.due_date < bindparam("today"))
        case Section.TODAY:
            return and_(is_awake(), CTA.due_date >= bindparam("today"), CTA.due_date < bindparam("tomorrow"))
        case Section.WEEK:
            return and_(is_awake(), CTA.due_date >= bindparam("tomorrow"), CTA.due_date < bindparam("week_end"))
        case Section.LATER:
            return and_(is_awake(), or_(CTA.due_date.is_(None), CTA.due_date >= bindparam("week_end")))
        case Section.SNOOZED:
            return is_asleep()
        case Section.DONE:
            return CTA.status.in_(("COMPLETED", "CANCELLED"))


def _filtered(statement: AnySelect, query: InboxQuery, *, joined: bool = False) -> AnySelect:
    if query.owner_id is not None:
        statement = statement.where(CTA.owner_id == bindparam("owner"))
    if query.search:
        if not joined:
            statement = statement.outerjoin(Account, Account.id == CTA.account_id)
        found = [column.icontains(query.search, autoescape=True) for column in (CTA.title, Account.name)]
        statement = statement.where(or_(*found))
    return statement


def _ordered(statement: AnySelect, section: Section) -> AnySelect:
    if section is Section.DONE:
        return statement.order_by(func.coalesce(CTA.completed_at, CTA.updated_at).desc(), CTA.id.desc())
    if section is Section.SNOOZED:
        return statement.order_by(CTA.snooze_until, CTA.id)
    return statement.order_by(CTA.due_date.is_(None), CTA.due_date, CTA.id)


def _params(query: InboxQuery, days: Days) -> dict[str, Any]:
    return {**days.params(), "owner": query.owner_id}


def _stats(dialect: str) -> AnySelect:
    done = CTA.status == "COMPLETED"

    def count(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    if dialect == "postgresql":
        days = extract("epoch", CTA.completed_at - CTA.created_at) / 86400.0
    else:
        days = func.julianday(CTA.completed_at) - func.julianday(CTA.created_at)
    return (
        select(
            CTA.type,
            func.count(CTA.id).label("made"),
            count(CTA.status.in_(("OPEN", "IN_PROGRESS", "SNOOZED"))).label("open"),
            count(done).label("completed"),
            count(CTA.status == "CANCELLED").label("cancelled"),
            count(CTA.is_automated.is_(True)).label("automated"),
            func.sum(case((done, days))).label("days"),
        )
        .where(CTA.trigger_rule.like("ML%"))
        .group_by(CTA.type)
        .order_by(CTA.type)
    )
