"""The CTAs that somebody works through, and how those made from predictions turn out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.inbox import PAGE_CTAS, CtaStats, Inbox, InboxQuery, Section
from cs_ml.domain.ctas.values import Cta
from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.people import Person
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.predictions import PredictionType
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.work.rules import settings_in
from cs_ml.store.database import Database
from cs_ml.store.scope import Scope
from cs_ml.store.work.ctas import CtaRepository
from cs_ml.store.work.inbox import Days, InboxRepository
from cs_ml.store.work.suggestions import Sought, SuggestionRepository

MOST_EXPORTED = 5_000
_SUGGESTED = (RiskBand.CRITICAL, RiskBand.HIGH, RiskBand.MEDIUM)  # a person may take up those at medium risk too


class InboxService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def show(self, actor: Actor, query: InboxQuery) -> Inbox:
        """A page of one section, and how many there are in each. Raises Invalid for a page below 1."""
        actor.require(Permission.READ)
        if query.page < 1:
            raise Invalid("Pages count from 1.", fields={"page": "1 or more"})
        now = milliseconds(self._clock())
        suggested = query.section is Section.SUGGESTED
        sought = Sought(kind=PredictionType.CHURN, bands=_SUGGESTED, owner_id=query.owner_id, search=query.search)
        with self._database.read(actor) as scope:
            inbox, suggestions, days = InboxRepository(scope), SuggestionRepository(scope), _days(scope, now)
            counts = {Section.SUGGESTED: suggestions.count(sought, now), **inbox.counts(query, days)}
            start = (query.page - 1) * PAGE_CTAS
            return Inbox(
                counts=counts,
                ctas=[] if suggested else inbox.page(query, days),
                suggestions=suggestions.list(sought, now, limit=PAGE_CTAS, offset=start) if suggested else [],
            )

    def get(self, actor: Actor, cta_id: int) -> Cta:
        """Raises NotFound."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return CtaRepository(scope).get(cta_id, milliseconds(self._clock()))

    def list(self, actor: Actor, query: InboxQuery) -> Sequence[Cta]:
        """Every CTA of a section, MOST_EXPORTED at most."""
        found: list[Cta] = []
        for number in range(1, MOST_EXPORTED // PAGE_CTAS + 1):
            page = self.show(actor, replace(query, page=number)).ctas
            found += page
            if len(page) < PAGE_CTAS:
                break
        return found

    def mine(self, actor: Actor) -> Sequence[Cta]:
        """What the actor has to do, snoozed ones too, by due day, MOST_EXPORTED at most."""
        actor.require(Permission.READ)
        if actor.user_id is None:
            return []
        with self._database.read(actor) as scope:
            days = _days(scope, milliseconds(self._clock()))
            return InboxRepository(scope).mine(actor.user_id, days, limit=MOST_EXPORTED)

    def stats(self, actor: Actor) -> CtaStats:
        """Of the CTAs made from predictions for accounts that the actor sees."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return InboxRepository(scope).stats()

    def members(self, actor: Actor) -> Sequence[Person]:
        """Who a CTA can be assigned to."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return scope.identity().members(actor.tenant_id)


def _days(scope: Scope, now: datetime) -> Days:
    return Days(now=now, today=WorkCalendar.of(settings_in(scope)).day_of(now))
