"""Which accounts, and in what order: a `PortfolioQuery` as conditions, a sort key and parameters.

Statements differ only by `Shape`, so that each is built and compiled once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Double, Text, and_, bindparam, case, cast, func, literal, or_, select

from cs_ml.domain.portfolio import (
    AT_RISK,
    HEALTH_CHANGE_DAYS,
    HEALTH_FRESH_DAYS,
    LATER_WEIGHT,
    RENEWAL_DAYS,
    RENEWAL_WEIGHTS,
    SPARKLINE_WEEKS,
    STALE_DAYS,
    TOUCH_DAYS,
    UNKNOWN_RENEWAL_WEIGHT,
    Flag,
    PortfolioQuery,
    Sort,
    Work,
)
from cs_ml.store.columns import UtcDateTime, one_of
from cs_ml.store.tables import Account, ExternalRef

SHAPES = 512  # that are kept; each is one combination of filters and order
_BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
_NO_RENEWAL = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What is asked for, without the values. `summary`: from the gathered facts, not from those of now."""

    summary: bool
    owner: bool
    bands: bool
    segments: bool
    renewal: bool
    search: bool
    flags: frozenset[Flag]
    work: Work | None
    sort: Sort

    @classmethod
    def of(cls, query: PortfolioQuery, *, summary: bool) -> "Shape":
        return cls(
            summary=summary,
            owner=query.owner_id is not None,
            bands=bool(query.bands),
            segments=bool(query.segments),
            renewal=query.renewal_days is not None,
            search=bool(query.search),
            flags=query.flags,
            work=query.work,
            sort=query.sort,
        )


def instants(now: datetime) -> dict[str, Any]:
    """What holds at `now`; a renewal within n days is one before the (n + 1)th midnight to come."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    before = now - timedelta(days=HEALTH_CHANGE_DAYS)
    days = {*RENEWAL_DAYS, *(days for days, _ in RENEWAL_WEIGHTS)}
    return {
        "now": now,
        "today": today,
        "beginning": _BEGINNING,
        "health_since": now - timedelta(days=HEALTH_FRESH_DAYS),
        "before": before,
        "before_since": before - timedelta(days=HEALTH_FRESH_DAYS),
        "overdue_before": now - timedelta(days=1),
        "stale_before": now - timedelta(days=STALE_DAYS),
        "scores_since": now - timedelta(weeks=SPARKLINE_WEEKS),
        "touch_since": now - timedelta(days=TOUCH_DAYS),
        **{f"renewal_{n}": today + timedelta(days=n + 1) for n in days},
    }


def values(query: PortfolioQuery, now: datetime) -> dict[str, Any]:
    """The parameters of every statement about `query`."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return instants(now) | {
        "owner": query.owner_id,
        "bands": sorted(query.bands),
        "segments": sorted(query.segments),
        "renewal_until": today + timedelta(days=(query.renewal_days or 0) + 1),
        "search": f"%{_escaped(query.search.strip().lower())}%",
    }


def renews_before(facts: Any, until: str) -> Any:
    return and_(facts.renewal >= bindparam("today"), facts.renewal < bindparam(until))


def flagged(facts: Any, flag: Flag) -> Any:
    """Whether the flag holds. `facts` has the columns of `AccountSummary`."""
    match flag:
        case Flag.NO_CTA:
            return and_(at_risk(facts), func.coalesce(facts.open_ctas, 0) == 0)
        case Flag.NO_HEALTH:
            return facts.health.is_(None)
        case Flag.STALE:
            return or_(facts.predicted_as_of.is_(None), facts.predicted_as_of < bindparam("stale_before"))
        case Flag.NO_TOUCH:
            untouched = or_(facts.touched_at.is_(None), facts.touched_at < bindparam("touch_since"))
            return and_(renews_before(facts, f"renewal_{RENEWAL_DAYS[-1]}"), untouched)


def at_risk(facts: Any) -> Any:
    return one_of(facts.band, *AT_RISK)


def matching(facts: Any, shape: Shape) -> Any:
    """The conditions of everything but the owner."""
    parts: list[Any] = [flagged(facts, flag) for flag in sorted(shape.flags)]
    if shape.bands:
        parts.append(facts.band.in_(bindparam("bands", expanding=True)))
    if shape.segments:
        parts.append(facts.segment.in_(bindparam("segments", expanding=True)))
    if shape.renewal:
        parts.append(renews_before(facts, "renewal_until"))
    if shape.work is not None:
        parts.append((facts.open_ctas if shape.work == "open" else facts.overdue_ctas) > 0)
    if shape.search:
        parts.append(or_(_like(Account.name), Account.id.in_(_referred())))
    return and_(True, *parts)


def size(facts: Any) -> Any:
    """Revenue against the average of the same currency among all that is chosen from, 1 where unknown."""
    arr = cast(facts.arr, Double)
    average = func.avg(arr).over(partition_by=facts.currency)
    return func.coalesce(arr / func.nullif(average, 0.0), 1.0)


def urgency(facts: Any) -> Any:
    """The weight of the renewal."""
    steps = [(facts.renewal < bindparam(f"renewal_{days}"), weight) for days, weight in RENEWAL_WEIGHTS]
    unknown = or_(facts.renewal.is_(None), facts.renewal < bindparam("today"))
    return case((unknown, UNKNOWN_RENEWAL_WEIGHT), *steps, else_=LATER_WEIGHT)


def sort_key(facts: Any, sort: Sort) -> Any:
    """What the rows are in rising order of, never NULL: unknown comes last. `facts` has size, urgency and name too."""
    match sort:
        case Sort.RISK:
            return func.coalesce(-facts.probability * facts.size * facts.urgency, literal(1.0, Double))
        case Sort.PROBABILITY:
            return func.coalesce(-facts.probability, literal(1.0, Double))
        case Sort.RENEWAL:
            return func.coalesce(facts.renewal, literal(_NO_RENEWAL, UtcDateTime))
        case Sort.ARR:
            return case((facts.arr.is_(None), literal(1.0, Double)), else_=-facts.size)
        case Sort.NAME:
            return cast(func.lower(facts.name), Text)


def _like(column: Any) -> Any:
    return func.lower(column).like(bindparam("search"), escape="/")


def _referred() -> Any:
    return select(ExternalRef.target_id).where(ExternalRef.kind == "account", _like(ExternalRef.ref))


def _escaped(text: str) -> str:
    """For LIKE, and without what PostgreSQL's text cannot hold."""
    held = text.encode("utf-8", "ignore").decode().replace("\0", "")
    return held.replace("/", "//").replace("%", "/%").replace("_", "/_")
