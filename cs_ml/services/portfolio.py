"""The portfolio: figures, and accounts in the order of work."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.portfolio import PAGE_ROWS, Choices, Portfolio, PortfolioQuery, QueueRow
from cs_ml.services.clock import Clock
from cs_ml.services.identity.recording import note_export
from cs_ml.store.database import Database
from cs_ml.store.portfolio import PortfolioRepository

MOST_EXPORTED = 10_000
_EXPORT_PART = 500

# Up to so many accounts are gathered at every look (docs/decisions: the portfolio's summaries); for more, the tenant's
# summaries answer, which are gathered anew where they are older, or where there are new predictions.
LIVE_ACCOUNTS = 500
SUMMARY_AGE = timedelta(minutes=5)
_LEAST_AGE = timedelta(seconds=30)  # predictions may come every second


class PortfolioService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def choices(self, actor: Actor) -> Choices:
        """What there is to filter by."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return PortfolioRepository(scope).choices()

    def show(
        self, actor: Actor, query: PortfolioQuery, *, after: str | None = None, limit: int = PAGE_ROWS
    ) -> Portfolio:
        """The figures of the owner's accounts, and a page of those that pass the filters. Raises Invalid."""
        actor.require(Permission.READ)
        now = self._clock()
        gathered_at = self._gathered_at(actor, query, now)
        summary = gathered_at is not None
        with self._database.read(actor) as scope:
            portfolio = PortfolioRepository(scope)
            tiles, matching = portfolio.tiles(query, now, summary=summary, checked_at=gathered_at or now)
            ranked = portfolio.page(query, now, summary=summary, after=after, limit=limit + 1)
            rows = portfolio.rows(ranked[:limit], now)
        return Portfolio(
            tiles=tiles,
            matching=matching,
            rows=rows,
            next=ranked[limit - 1].cursor if len(ranked) > limit else None,
        )

    def export(self, actor: Actor, query: PortfolioQuery) -> Iterator[QueueRow]:
        """The filtered accounts in order, MOST_EXPORTED at most, gathered a part at a time."""
        actor.require(Permission.READ)
        now = self._clock()
        note_export(self._database, actor, "portfolio", now)
        summary = self._gathered_at(actor, query, now) is not None
        after: str | None = None
        for _ in range(MOST_EXPORTED // _EXPORT_PART):
            with self._database.read(actor) as scope:
                portfolio = PortfolioRepository(scope)
                ranked = portfolio.page(query, now, summary=summary, after=after, limit=_EXPORT_PART)
                rows = portfolio.rows(ranked, now)
            yield from rows
            if len(ranked) < _EXPORT_PART:
                return
            after = ranked[-1].cursor

    def _gathered_at(self, actor: Actor, query: PortfolioQuery, now: datetime) -> datetime | None:
        """When the summaries that answer were true; None where few accounts need none."""
        with self._database.read(actor) as scope:
            portfolio = PortfolioRepository(scope)
            accounts, found = portfolio.size(query.owner_id)
            if accounts <= LIVE_ACCOUNTS:
                return None
            if found is not None and now - found < _LEAST_AGE:
                return found
            if found is not None and now - found < SUMMARY_AGE and not portfolio.predicted_since(found):
                return found
        with self._database.write(Actor.system(actor.tenant_id)) as scope:
            PortfolioRepository(scope).refresh(now, found=found)
        with self._database.read(actor) as scope:
            return PortfolioRepository(scope).refreshed_at()
