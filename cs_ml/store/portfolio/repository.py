"""Rows of the portfolio's statements as values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from sqlalchemy import update
from sqlalchemy.engine import Row

from cs_ml.domain.errors import Invalid
from cs_ml.domain.portfolio import (
    RENEWAL_DAYS,
    AmountAtRisk,
    Average,
    Choices,
    Flag,
    LossSums,
    OwnerChoice,
    PortfolioQuery,
    QueueRow,
    Sort,
    Tiles,
    loss_range,
)
from cs_ml.store.portfolio import gathering, statements
from cs_ml.store.portfolio.queue import Scores, queue_rows
from cs_ml.store.portfolio.rows import rows as page_rows
from cs_ml.store.portfolio.selection import Shape, instants, values
from cs_ml.store.scope import Scope
from cs_ml.store.tables import AccountSummary, SummaryRefresh

_LAST_ID = 2**31 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Refreshed:
    """When the tenant's summaries were true, of how many accounts, and the sums of its figures then."""

    at: datetime
    accounts: int | None
    totals: Sequence[Mapping[str, Any]] | None


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

    def ids(
        self, query: PortfolioQuery, now: datetime, *, summary: bool, after: str | None, limit: int
    ) -> tuple[Sequence[int], str | None]:
        """Ids of accounts in order after the cursor, and the cursor after them, None at the end. Raises Invalid."""
        statement = statements.page(Shape.of(query, summary=summary), limit + 1, following=after is not None)
        found = self._scope.execute(statement, _page_values(query, now, after)).all()
        return [row.id for row in found[:limit]], _next(found, limit)

    def rows(
        self,
        query: PortfolioQuery,
        now: datetime,
        *,
        summary: bool,
        after: str | None,
        limit: int,
        kept: bool = False,
    ) -> tuple[Sequence[QueueRow], str | None]:
        """Accounts in order after the cursor, as they are now, and the cursor after them, None at the end; of the
        whole tenant in the order that was `kept` with the summaries.

        Raises Invalid for a cursor of another order."""
        shape, dialect = Shape.of(query, summary=summary), self._scope.dialect
        statement = page_rows(shape, limit + 1, dialect, following=after is not None, kept=kept)
        found = self._scope.execute(statement, _page_values(query, now, after)).all()
        shown = found[:limit]
        return queue_rows(shown, self._scores(shown, now), now), _next(found, limit)

    def refreshed(self) -> Refreshed | None:
        """None where there are no summaries."""
        row = self._scope.execute(statements.refreshed()).first()
        return None if row is None else Refreshed(at=row.refreshed_at, accounts=row.accounts, totals=row.totals)

    def kept_choices(self) -> Choices | None:
        """As `choices` were at the last refresh."""
        kept = self._scope.execute(statements.figures()).scalar()
        if kept is None:
            return None
        return Choices(owners=[OwnerChoice(**owner) for owner in kept["owners"]], segments=kept["segments"])

    def kept_tiles(self, query: PortfolioQuery, now: datetime, found: Refreshed) -> tuple[Tiles, int]:
        """The figures of the whole tenant at the last refresh, and how many of its accounts pass the filters."""
        tiles = _tiles([_kept_row(row) for row in found.totals or ()], found.at)
        if not query.filtered:
            return tiles, tiles.accounts
        counted = self._scope.execute(statements.kept_matching(Shape.of(query, summary=True)), values(query, now))
        return tiles, int(counted.scalar() or 0)

    def predicted_since(self, since: datetime) -> bool:
        """Whether predictions were made after `since`, which a summary of then does not know."""
        return self._scope.execute(statements.predicted_since(), {"since": since}).first() is not None

    def refresh(self, now: datetime, *, found: datetime | None, wait: bool) -> bool:
        """Gathers the summaries of the whole tenant anew, unless somebody did since they were found to be of `found`.

        While somebody else is at it: waits, and then finds nothing left to do; or leaves it to them and answers False.
        """
        if not self._scope.lock("summaries", wait=wait):
            return False
        due = SummaryRefresh.refreshed_at == found
        if self._scope.upsert(SummaryRefresh, {"refreshedAt": now}, key=("tenantId",), only_where=due):
            self._gather(now)
        return True

    def add(self, first: int, last: int, now: datetime) -> None:
        """Gathers new accounts, whose ids are `first` to `last`, to stand in the order that the last refresh made.
        Whoever is gathering meanwhile finds them."""
        figures = self._scope.execute(statements.figures()).scalar()
        if figures is None or "averages" not in figures or not self._scope.lock("summaries", wait=False):
            return
        self._each_part(first - 1, last, now)
        self._order(figures["averages"], first - 1, last, now)

    def _gather(self, now: datetime) -> None:
        """A part at a time, so that nothing grows with the number of accounts but the time it takes."""
        self._scope.execute(gathering.gone())
        accounts = self._each_part(0, _LAST_ID, now)
        averages = [(row.currency, row.average) for row in self._scope.execute(gathering.averages())]
        self._order(averages, 0, _LAST_ID, now)
        query = PortfolioQuery()
        totals = self._scope.execute(statements.totals(Shape.of(query, summary=True)), values(query, now))
        choices = self.choices()
        figures = {
            "totals": [_kept_json(row) for row in sorted(totals, key=lambda row: (-row.accounts, row.currency or ""))],
            "owners": [asdict(owner) for owner in choices.owners],
            "segments": list(choices.segments),
            "averages": averages,
        }
        self._scope.execute(update(SummaryRefresh).values(accounts=accounts, figures=figures))
        self._scope.analyze(AccountSummary)

    def _each_part(self, after: int, last: int, now: datetime) -> int:
        """Gathers the accounts in (after, last]; answers how many there are."""
        moved, accounts = gathering.moved(self._scope.dialect), 0
        while (part := self._scope.execute(gathering.part(), {"after": after, "last": last}).one()).accounts:
            bounds = {"after": after, "last": part.last_of_part, **instants(now)}
            self._scope.upsert_from(AccountSummary, moved, bounds, key=("tenantId", "accountId"))
            after, accounts = part.last_of_part, accounts + part.accounts
        return accounts

    def _order(self, averages: Sequence[Any], after: int, last: int, now: datetime) -> None:
        self._scope.execute(gathering.ordered(averages), {"after": after, "last": last, **instants(now)})

    def _scores(self, found: Sequence[Row[Any]], now: datetime) -> Mapping[int, Scores]:
        """The scores of the sparklines by account, where the rows do not hold them."""
        if self._scope.dialect == "postgresql":
            return {}
        params = {"ids": [row[0] for row in found], **instants(now)}
        scores: dict[int, Scores] = {}
        for account_id, at, score in self._scope.execute(statements.scores(), params).all():
            instants_of, values_of = scores.setdefault(account_id, ([], []))
            instants_of.append(at)
            values_of.append(score)
        return scores


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


def _page_values(query: PortfolioQuery, now: datetime, after: str | None) -> dict[str, Any]:
    """Raises Invalid."""
    return values(query, now) if after is None else values(query, now) | _cursor(after, query.sort)


def _next(found: Sequence[Row[Any]], limit: int) -> str | None:
    """One account more than is asked for tells that there are more."""
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    key = last.sort_key.isoformat() if isinstance(last.sort_key, datetime) else last.sort_key
    return json.dumps([key, last.id])


def _cursor(text: str, sort: Sort) -> dict[str, Any]:
    """Raises Invalid for what `_next` did not write for this order."""
    try:
        key, last_id = json.loads(text)
        if sort is Sort.RENEWAL:
            key = datetime.fromisoformat(key)
        elif not isinstance(key, str if sort is Sort.NAME else float | int):
            raise TypeError(key)
        return {"last_key": key, "last_id": int(last_id)}
    except (TypeError, ValueError) as error:
        raise Invalid("This page does not exist. Start again from the first.", fields={"after": "a cursor"}) from error
