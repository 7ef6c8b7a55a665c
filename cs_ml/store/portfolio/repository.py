"""Rows of the portfolio's statements as values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.engine import Row

from cs_ml.domain.errors import Invalid
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import (
    RENEWAL_DAYS,
    SPARKLINE_WEEKS,
    AmountAtRisk,
    Average,
    Choices,
    Flag,
    LossSums,
    OwnerChoice,
    PortfolioQuery,
    QueueRow,
    RiskView,
    Sort,
    Tiles,
    loss_range,
)
from cs_ml.store.portfolio import statements
from cs_ml.store.portfolio.selection import Shape, instants, values
from cs_ml.store.scope import Scope
from cs_ml.store.tables import AccountSummary, SummaryRefresh

_PART = 5_000  # accounts that are gathered at once
_SUMMARY = {
    attribute.key: attribute.columns[0].name
    for attribute in AccountSummary.__mapper__.column_attrs
    if attribute.key not in ("id", "tenant_id", "size", "urgency", "risk_key")
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """An account in order; `cursor` continues after it."""

    account_id: int
    size: float
    urgency: float
    cursor: str


class PortfolioRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def choices(self) -> Choices:
        owners = [
            OwnerChoice(owner_id=row.owner_id, name=row.name, accounts=row.accounts)
            for row in self._scope.execute(statements.owners())
        ]
        return Choices(owners=owners, segments=list(self._scope.execute(statements.segments()).scalars()))

    def size(self, owner_id: int | None) -> tuple[int, datetime | None]:
        """Live accounts of an owner, or of everybody; and when the tenant's summaries were true, None without any."""
        row = self._scope.execute(statements.size_of(owner=owner_id is not None), {"owner": owner_id}).one()
        return row.accounts, row.refreshed_at

    def tiles(self, query: PortfolioQuery, now: datetime, *, summary: bool, checked_at: datetime) -> tuple[Tiles, int]:
        """The figures, and how many accounts pass the filters."""
        shape = Shape.of(query, summary=summary)
        found = list(self._scope.execute(statements.totals(shape), values(query, now)))
        return _tiles(sorted(found, key=lambda row: (-row.accounts, row.currency or "")), checked_at), _sum(
            found, "matching"
        )

    def page(
        self, query: PortfolioQuery, now: datetime, *, summary: bool, after: str | None, limit: int, kept: bool = False
    ) -> Sequence[Ranked]:
        """Accounts in order, after the cursor; of the whole tenant in the order that was `kept` with the summaries.

        Raises Invalid for a cursor of another order."""
        params = values(query, now) | {"limit": limit}
        if after is not None:
            params |= _cursor(after, query.sort)
        made = statements.kept_page if kept else statements.page
        statement = made(Shape.of(query, summary=summary), following=after is not None)
        return [
            Ranked(account_id=row.id, size=row.size, urgency=row.urgency, cursor=_text_of(row))
            for row in self._scope.execute(statement, params).all()
        ]

    def rows(self, ranked: Sequence[Ranked], now: datetime) -> Sequence[QueueRow]:
        """These accounts as they are now, in the same order; those that are gone meanwhile are left out."""
        ids = [each.account_id for each in ranked]
        found = {row.id: row for row in self._scope.execute(statements.rows(), instants(now) | {"ids": ids}).all()}
        predictions = {row.prediction_id: row for row in found.values() if row.prediction_id is not None}
        risks = self._risks(predictions, now)
        health = self._health(ids, now)
        return [
            _queue_row(found[each.account_id], each, health.get(each.account_id, ()), risks.get(each.account_id), now)
            for each in ranked
            if each.account_id in found
        ]

    def refreshed(self) -> tuple[datetime, int | None] | None:
        """When the tenant's summaries were true, and of how many accounts; None where there are none."""
        row = self._scope.execute(statements.refreshed()).first()
        return None if row is None else (row.refreshed_at, row.accounts)

    def kept_choices(self) -> Choices | None:
        """As `choices` were at the last refresh."""
        kept = self._scope.execute(statements.figures()).scalar()
        if kept is None:
            return None
        return Choices(owners=[OwnerChoice(**owner) for owner in kept["owners"]], segments=kept["segments"])

    def kept_tiles(self, query: PortfolioQuery, now: datetime, checked_at: datetime) -> tuple[Tiles, int] | None:
        """The figures of the whole tenant at the last refresh, and how many of its accounts pass the filters."""
        kept = self._scope.execute(statements.figures()).scalar()
        if kept is None:
            return None
        tiles = _tiles([_kept_row(row) for row in kept["totals"]], checked_at)
        if not query.filtered:
            return tiles, tiles.accounts
        counted = self._scope.execute(statements.kept_matching(Shape.of(query, summary=True)), values(query, now))
        return tiles, int(counted.scalar() or 0)

    def predicted_since(self, since: datetime) -> bool:
        """Whether predictions were made after `since`, which a summary of then does not know."""
        return self._scope.execute(statements.predicted_since(), {"since": since}).first() is not None

    def refresh(self, now: datetime, *, found: datetime | None) -> None:
        """Gathers the summaries of the whole tenant anew, unless somebody did since they were found to be of `found`.

        Two at once: the second waits for the first, and then finds nothing left to do.
        """
        due = SummaryRefresh.refreshed_at == found
        if not self._scope.upsert(SummaryRefresh, {"refreshedAt": now}, key=("tenantId",), only_where=due):
            return
        self._scope.execute(delete(AccountSummary))
        accounts = self._gather(now)
        averages = {row.currency: row.average for row in self._scope.execute(statements.averages())}
        self._scope.execute(statements.order_kept(averages), instants(now))
        query = PortfolioQuery()
        totals = self._scope.execute(statements.totals(Shape.of(query, summary=True)), values(query, now))
        choices = self.choices()
        figures = {
            "totals": [_kept_json(row) for row in sorted(totals, key=lambda row: (-row.accounts, row.currency or ""))],
            "owners": [asdict(owner) for owner in choices.owners],
            "segments": list(choices.segments),
        }
        self._scope.execute(update(SummaryRefresh).values(accounts=accounts, figures=figures))
        self._scope.analyze(AccountSummary)

    def _gather(self, now: datetime) -> int:
        """A part at a time, so that memory does not grow with the number of accounts; answers how many there are."""
        after, accounts = 0, 0
        while gathered := self._scope.execute(
            statements.everything(), instants(now) | {"after": after, "limit": _PART}
        ).all():
            rows = [{column: getattr(row, name) for name, column in _SUMMARY.items()} for row in gathered]
            self._scope.insert(AccountSummary, rows)
            after, accounts = max(row.id for row in gathered), accounts + len(gathered)
        return accounts

    def _risks(self, predictions: Mapping[int, Row[Any]], now: datetime) -> dict[int, RiskView]:
        params = {"ids": list(predictions), "now": now}
        said = {row.id: row for row in self._scope.execute(statements.risks(), params).all()}
        return {
            row.account_id: RiskView(
                probability=row.probability,
                base_rate=row.base_rate,
                band=RiskBand(row.band),
                drivers=tuple(said[key].drivers),
                as_of=row.predicted_as_of,
                completeness=said[key].completeness["score"],
                engine=said[key].engine,
                new_facts=said[key].new_facts,
            )
            for key, row in predictions.items()
        }

    def _health(self, ids: Sequence[int], now: datetime) -> dict[int, Sequence[int]]:
        """By account, the last score of each of the SPARKLINE_WEEKS weeks before `now` that has one, oldest first."""
        params = {"ids": list(ids), "since": now - timedelta(weeks=SPARKLINE_WEEKS), "now": now}
        weeks: dict[int, dict[int, int]] = {}
        for row in self._scope.execute(statements.health(), params).all():
            weeks.setdefault(row.account_id, {})[(now - row.calculated_at).days // 7] = row.overall_score
        return {account: tuple(scores.values()) for account, scores in weeks.items()}


def _kept_json(row: Row[Any]) -> dict[str, Any]:
    """A row of the totals as JSON; money as text, so that no cent is lost."""
    return {key: str(value) if isinstance(value, Decimal) else value for key, value in row._mapping.items()}


def _kept_row(kept: Mapping[str, Any]) -> Any:
    money = {key: Decimal(value) for key, value in kept.items() if isinstance(value, str) and key != "currency"}
    return SimpleNamespace(**{**kept, **money})


def _tiles(found: Sequence[Any], checked_at: datetime) -> Tiles:
    at_risk = [
        AmountAtRisk(currency=row.currency, amount=row.at_risk_arr, accounts=row.at_risk_with_arr)
        for row in found
        if row.at_risk_with_arr
    ]
    losses = [loss_range(row.currency, _loss_sums(row)) for row in found if row.loss_accounts]
    return Tiles(
        accounts=_sum(found, "accounts"),
        predicted=_sum(found, "predicted"),
        health=_average(found, "health", "with_health"),
        health_change=_average(found, "health_change", "with_change"),
        accounts_at_risk=_sum(found, "at_risk"),
        at_risk=at_risk,
        losses=losses,
        renewals={days: _sum(found, f"renewals_{days}") for days in RENEWAL_DAYS},
        open_ctas=_sum(found, "open_ctas"),
        overdue_ctas=_sum(found, "overdue_ctas"),
        flags={flag: _sum(found, f"flag_{flag}") for flag in Flag},
        checked_at=checked_at,
    )


def _loss_sums(row: Any) -> LossSums:
    return LossSums(accounts=row.loss_accounts, p=row.p, b=row.b, a=row.a, pa=row.pa, pa2=row.pa2, p2a2=row.p2a2)


def _sum(found: Sequence[Any], name: str) -> int:
    return sum(int(getattr(row, name) or 0) for row in found)


def _average(found: Sequence[Any], total: str, number: str) -> Average:
    n = _sum(found, number)
    return Average(value=_sum(found, total) / n if n else None, n=n)


def _queue_row(row: Row[Any], ranked: Ranked, health: Sequence[int], risk: RiskView | None, now: datetime) -> QueueRow:
    renewal = row.renewal.date() if row.renewal else None
    return QueueRow(
        account_id=row.id,
        reference=row.reference,
        name=row.name,
        owner_name=row.owner_name,
        segment=row.segment,
        arr=Decimal(row.arr) if row.arr is not None else None,
        currency=row.currency,
        size=ranked.size,
        renewal_date=renewal,
        days_to_renewal=(renewal - now.date()).days if renewal else None,
        urgency=ranked.urgency,
        health=health,
        touched_at=row.touched_at,
        open_ctas=row.open_ctas,
        overdue_ctas=row.overdue_ctas,
        risk=risk,
    )


def _text_of(row: Row[Any]) -> str:
    key = row.sort_key.isoformat() if isinstance(row.sort_key, datetime) else row.sort_key
    return json.dumps([key, row.id])


def _cursor(text: str, sort: Sort) -> dict[str, Any]:
    """Raises Invalid for what `_text_of` did not write for this order."""
    try:
        key, last_id = json.loads(text)
        if sort is Sort.RENEWAL:
            key = datetime.fromisoformat(key)
        elif not isinstance(key, str if sort is Sort.NAME else float | int):
            raise TypeError(key)
        return {"last_key": key, "last_id": int(last_id)}
    except (TypeError, ValueError) as error:
        raise Invalid("This page does not exist. Start again from the first.", fields={"after": "a cursor"}) from error
