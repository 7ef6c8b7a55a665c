"""The portfolio: figures, and accounts in the order of work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.portfolio import PAGE_ROWS, Choices, Portfolio, PortfolioQuery, QueueRow
from cs_ml.services.clock import Clock
from cs_ml.services.identity.recording import note_export
from cs_ml.store.database import Database
from cs_ml.store.portfolio import PortfolioRepository, Refreshed

MOST_EXPORTED = 10_000
_EXPORT_PART = 500
_PICK_PART = 20_000

# Up to so many accounts are gathered at every look (docs/decisions: the portfolio's summaries); for more, the tenant's
# summaries answer, which are gathered anew where they are older, or where there are new predictions.
LIVE_ACCOUNTS = 500
SUMMARY_AGE = timedelta(minutes=5)
_LEAST_AGE = timedelta(seconds=30)  # predictions may come every second
# For more accounts than this the page does not wait: a schedule gathers them with their figures and their order, and
# the page says how old they are. Only where no schedule ran for OLDEST does it gather them itself.
WAITED_FOR = 20_000
OLDEST = timedelta(hours=1)


class PortfolioService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def choices(self, actor: Actor) -> Choices:
        """What there is to filter by; of a large tenant as it was when its summaries were gathered."""
        actor.require(Permission.READ)
        now = self._clock()
        with self._database.read(actor) as scope:
            portfolio = PortfolioRepository(scope)
            found = portfolio.refreshed() if actor.scope == "all" else None
            if found is not None and (found.accounts or 0) > WAITED_FOR and now - found.at < OLDEST:
                kept = portfolio.kept_choices()
                if kept is not None:
                    return kept
            return portfolio.choices()

    def show(
        self, actor: Actor, query: PortfolioQuery, *, after: str | None = None, limit: int = PAGE_ROWS
    ) -> Portfolio:
        """The figures of the owner's accounts, and a page of those that pass the filters. Raises Invalid."""
        actor.require(Permission.READ)
        now = self._clock()
        with self._database.read(actor) as scope:
            look = _look(PortfolioRepository(scope), actor, query, now)
            if not look.due:
                return _shown(PortfolioRepository(scope), query, now, look, after=after, limit=limit)
        look = self._refreshed(actor, query, now, look)
        with self._database.read(actor) as scope:
            return _shown(PortfolioRepository(scope), query, now, look, after=after, limit=limit)

    def refresh(self, actor: Actor) -> bool:
        """Gathers the summaries of a tenant so large that nobody should wait for them while looking at a page, unless
        they are being gathered; answers whether it is one."""
        actor.require(Permission.MANAGE_TENANT)
        now = self._clock()
        with self._database.read(actor) as scope:
            portfolio = PortfolioRepository(scope)
            if portfolio.size(None)[0] <= WAITED_FOR:
                return False
            found = portfolio.refreshed()
        self._refresh(actor, now, found.at if found else None, wait=False)
        return True

    def pick(self, actor: Actor, query: PortfolioQuery, most: int | None) -> Sequence[int]:
        """Ids of the accounts that pass the filters, in order, `most` at most."""
        actor.require(Permission.READ)
        now = self._clock()
        summary = self._gathered_at(actor, query, now) is not None
        picked: list[int] = []
        after: str | None = None
        while most is None or len(picked) < most:
            limit = _PICK_PART if most is None else min(_PICK_PART, most - len(picked))
            with self._database.read(actor) as scope:
                ids, after = PortfolioRepository(scope).ids(query, now, summary=summary, after=after, limit=limit)
            picked += ids
            if after is None:
                break
        return picked

    def export(self, actor: Actor, query: PortfolioQuery) -> Iterator[QueueRow]:
        """The filtered accounts in order, MOST_EXPORTED at most, gathered a part at a time."""
        actor.require(Permission.READ)
        now = self._clock()
        note_export(self._database, actor, "portfolio", now)
        summary = self._gathered_at(actor, query, now) is not None
        after: str | None = None
        for _ in range(MOST_EXPORTED // _EXPORT_PART):
            with self._database.read(actor) as scope:
                rows, after = PortfolioRepository(scope).rows(
                    query, now, summary=summary, after=after, limit=_EXPORT_PART
                )
            yield from rows
            if after is None:
                return

    def _gathered_at(self, actor: Actor, query: PortfolioQuery, now: datetime) -> datetime | None:
        """When the summaries that answer were true, gathered now where they are due; None where few accounts need
        none."""
        with self._database.read(actor) as scope:
            look = _look(PortfolioRepository(scope), actor, query, now)
        return (self._refreshed(actor, query, now, look) if look.due else look).gathered_at

    def _refreshed(self, actor: Actor, query: PortfolioQuery, now: datetime, look: "_Look") -> "_Look":
        self._refresh(actor, now, look.gathered_at, wait=True)
        with self._database.read(actor) as scope:
            found = PortfolioRepository(scope).refreshed()
        return _Look(found=found, kept=_is_kept(actor, query, found), due=False)

    def _refresh(self, actor: Actor, now: datetime, found: datetime | None, *, wait: bool) -> None:
        with self._database.write(Actor.system(actor.tenant_id)) as scope:
            PortfolioRepository(scope).refresh(now, found=found, wait=wait)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """What answers: the summaries that were `found` (None: the rows themselves), and whether they are `due` to be
    gathered. `kept`: figures and order are kept with them, as the tenant is large."""

    found: Refreshed | None
    kept: bool
    due: bool

    @property
    def gathered_at(self) -> datetime | None:
        return self.found.at if self.found else None


def _look(portfolio: PortfolioRepository, actor: Actor, query: PortfolioQuery, now: datetime) -> _Look:
    found = portfolio.refreshed()
    kept = _is_kept(actor, query, found)
    if not kept and portfolio.size(query.owner_id)[0] <= LIVE_ACCOUNTS:
        return _Look(found=None, kept=False, due=False)
    age = now - found.at if found else None
    fresh = (
        found is not None
        and age is not None
        and (
            age < _LEAST_AGE
            or (age < OLDEST and (found.accounts or 0) > WAITED_FOR)  # the schedule gathers them
            or (age < SUMMARY_AGE and not portfolio.predicted_since(found.at))
        )
    )
    return _Look(found=found, kept=kept, due=not fresh)


def _shown(
    portfolio: PortfolioRepository, query: PortfolioQuery, now: datetime, look: _Look, *, after: str | None, limit: int
) -> Portfolio:
    found, kept = look.found, look.kept and look.found is not None and look.found.totals is not None
    if found is not None and kept:
        tiles, matching = portfolio.kept_tiles(query, now, found)
    else:
        at = found.at if found else now
        tiles, matching = portfolio.tiles(query, now, summary=found is not None, checked_at=at)
    rows, following = portfolio.rows(query, now, summary=found is not None, after=after, limit=limit, kept=kept)
    return Portfolio(tiles=tiles, matching=matching, rows=rows, next=following)


def _is_kept(actor: Actor, query: PortfolioQuery, found: Refreshed | None) -> bool:
    """Whether a tenant so large that its figures and order are kept is asked for as a whole."""
    return actor.scope == "all" and query.owner_id is None and found is not None and (found.accounts or 0) > WAITED_FOR
