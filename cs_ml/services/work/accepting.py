"""A person takes up a suggestion, or turns it down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.decisions import CtaDecision, SkipReason
from cs_ml.domain.ctas.playbooks import Playbook
from cs_ml.domain.ctas.values import (
    MAX_TEXT,
    MAX_TITLE,
    Cta,
    CtaDraft,
    Dismissal,
    DismissedBy,
    Suggestion,
)
from cs_ml.domain.errors import Invalid, NotFound
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.domain.identity.people import Person
from cs_ml.domain.predictions import PredictionType
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.work.making import TakenUp, add_evidence, due_from, make, plain_draft
from cs_ml.services.work.rules import Rules, settings_in
from cs_ml.services.work.waking import wake
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.scope import Scope
from cs_ml.store.work.ctas import CtaRepository
from cs_ml.store.work.playbooks import PlaybookRepository
from cs_ml.store.work.suggestions import SuggestionRepository


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposalView:
    """A suggestion before anybody presses. `due`: the day it would get now. `cta`: what was made of it already."""

    suggestion: Suggestion
    decision: CtaDecision
    due: date | None
    cta: Cta | None
    similar: Cta | None
    members: Sequence[Person]
    playbooks: Sequence[Playbook]


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """`was_created` False: the CTA was there already, made from the same prediction. `generation_reason`: why, as the
    suggestion says it."""

    cta: Cta
    prediction_id: int
    generation_reason: str
    was_created: bool


class AcceptingService:
    def __init__(self, database: Database, clock: Clock, *, daily_limit: int) -> None:
        """`daily_limit`: automated CTAs a day; a person's do not count to it."""
        self._database = database
        self._clock = clock
        self._daily_limit = daily_limit

    def proposal(self, actor: Actor, account_id: int, kind: PredictionType = PredictionType.CHURN) -> ProposalView:
        """What the valid prediction suggests, and the decision that accepting it would meet. Raises NotFound."""
        actor.require(Permission.READ)
        now = milliseconds(self._clock())
        with self._database.read(actor) as scope:
            found = _suggestion(scope, account_id, kind, now)
            decision = Rules.read(scope, [account_id], now, daily_limit=self._daily_limit).decide(found)
            calendar, ctas = WorkCalendar.of(settings_in(scope)), CtaRepository(scope)
            similar = _similar(decision)
            return ProposalView(
                suggestion=found,
                decision=decision,
                due=due_from(found.proposal, calendar, calendar.day_of(now)) if found.proposal else None,
                cta=ctas.get(found.cta_id, now) if found.cta_id else None,
                similar=ctas.get(similar, now) if similar else None,
                members=scope.identity().members(actor.tenant_id),
                playbooks=PlaybookRepository(scope).list(),
            )

    def accept(
        self,
        actor: Actor,
        account_id: int,
        kind: PredictionType = PredictionType.CHURN,
        *,
        draft: CtaDraft | None = None,
        note: str = "",
    ) -> Acceptance:
        """Makes the suggested CTA, as `draft` says or as it stands; exactly one for each prediction, whoever asks how
        often. Where a rule holds it back, only a `note` that says why lets a person go on.

        Raises NotFound, Forbidden, and Invalid (CTA_NOT_CREATED) with the rule in its fields.
        """
        actor.require(Permission.WORK)
        try:
            return self._accept(actor, account_id, kind, draft, note.strip())
        except TakenUp:
            return self._accept(actor, account_id, kind, draft, note.strip())

    def add_evidence(self, actor: Actor, account_id: int, kind: PredictionType = PredictionType.CHURN) -> Cta:
        """Adds what is new to the similar CTA that is open, instead of making a twin. Raises NotFound, Invalid."""
        actor.require(Permission.WORK)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            found, ctas = _suggestion(scope, account_id, kind, now), CtaRepository(scope)
            wake(scope, now)
            decision = Rules.read(scope, [account_id], now, daily_limit=self._daily_limit).decide(found)
            similar = _similar(decision)
            if similar is None:
                raise Invalid("No similar CTA is open any more. Load the page again.", code="CTA_NOT_OPEN")
            add_evidence(scope, ctas.get(similar, now), found, WorkCalendar.of(settings_in(scope)), now)
            return ctas.get(similar, now)

    def dismiss(
        self,
        actor: Actor,
        account_id: int,
        reason: Dismissal,
        kind: PredictionType = PredictionType.CHURN,
        *,
        note: str = "",
    ) -> Suggestion:
        """Turns the suggestion down; doing so twice changes nothing. Raises NotFound, Forbidden, and Invalid where a
        CTA was made of it."""
        actor.require(Permission.WORK)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            found, suggestions = _suggestion(scope, account_id, kind, now), SuggestionRepository(scope)
            if found.cta_id is not None:
                raise Invalid("A CTA was made of this suggestion already; cancel that one.", code="CTA_EXISTS")
            if found.dismissed is None:
                dismissed = DismissedBy(at=now, user_id=actor.user_id, reason=reason, note=_text(note, "note"))
                suggestions.dismiss(found.prediction_id, dismissed, now)
                AuditRepository(scope).add([_dismissed(found, reason, now)])
            return _suggestion(scope, account_id, kind, now)

    def _accept(
        self, actor: Actor, account_id: int, kind: PredictionType, draft: CtaDraft | None, note: str
    ) -> Acceptance:
        """Looks without a lock first: who comes late needs no more, and who goes on has its statements ready and holds
        the lock for a few milliseconds only. Only what is seen under the lock decides: before it, another's CTA may
        appear between two looks."""
        now = milliseconds(self._clock())
        with self._database.read(actor) as scope:
            found = _suggestion(scope, account_id, kind, now)
            if found.cta_id is not None:
                return _acceptance(CtaRepository(scope).get(found.cta_id, now), found, created=False)
            Rules.read(scope, [account_id], now, daily_limit=self._daily_limit)
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            found, ctas = _suggestion(scope, account_id, kind, now), CtaRepository(scope)
            if found.cta_id is not None:
                return _acceptance(ctas.get(found.cta_id, now), found, created=False)
            wake(scope, now)
            calendar = self._check(scope, found, draft, note, now)
            assert found.proposal is not None  # noqa: S101 - the rules let no other pass
            chosen = draft or plain_draft(scope, found.proposal, calendar, now)
            cta_id = make(scope, found, chosen, calendar, now, note=note)
            return _acceptance(ctas.get(cta_id, now), found, created=True)

    def _check(self, scope: Scope, found: Suggestion, draft: CtaDraft | None, note: str, now: datetime) -> WorkCalendar:
        """Raises Invalid where a rule holds the CTA back, or where it may not be as it is drafted."""
        rules = Rules.read(scope, [found.account_id], now, daily_limit=self._daily_limit)
        title = draft.title if draft else found.proposal.title if found.proposal else ""
        _check(rules.decide_titled(found, title), _text(note, "note"))
        calendar = WorkCalendar.of(settings_in(scope))
        if draft is not None:
            _check_draft(scope, draft, found, calendar.day_of(now))
        return calendar


def _suggestion(scope: Scope, account_id: int, kind: PredictionType, now: datetime) -> Suggestion:
    found = SuggestionRepository(scope).find(account_id, kind, now)
    if found is None:
        raise NotFound("This account has no valid prediction. Make one first.", code="PREDICTION_NOT_FOUND")
    return found


def _acceptance(cta: Cta, found: Suggestion, *, created: bool) -> Acceptance:
    reason = found.proposal.reason if found.proposal else ""
    return Acceptance(cta=cta, prediction_id=found.prediction_id, generation_reason=reason, was_created=created)


def _similar(decision: CtaDecision) -> int | None:
    return next((held.cta_id for held in decision.held_back if held.reason is SkipReason.SIMILAR_OPEN), None)


def _check(decision: CtaDecision, note: str) -> None:
    if decision.allowed or (decision.may_override and note):
        return
    words = " ".join(held.words for held in decision.held_back)
    go_on = " To go on all the same, say why in a note." if decision.may_override else ""
    fields = {"reason": str(decision.reason)}
    if decision.until is not None:
        fields["until"] = decision.until.isoformat()
    if decision.blocking_cta_id is not None:
        fields["blockingCtaId"] = str(decision.blocking_cta_id)
    raise Invalid(f"CTA not created. {words}{go_on}", fields=fields, code="CTA_NOT_CREATED")


def _check_draft(scope: Scope, draft: CtaDraft, found: Suggestion, today: date) -> None:
    """Raises Invalid for what no CTA may be."""
    if not draft.title.strip() or len(draft.title) > MAX_TITLE:
        expected = f"1 to {MAX_TITLE} characters"
        raise Invalid(f"The title must have {expected}.", fields={"title": expected})
    _text(draft.reason, "reason")
    if draft.due < today:
        raise Invalid("The due day has passed.", fields={"due": "today or later"})
    suggested = found.proposal.owner_id if found.proposal else None
    members = {person.id for person in scope.identity().members(scope.actor.tenant_id)}
    if draft.owner_id not in {*members, suggested}:
        raise Invalid("The owner must be somebody of this tenant.", fields={"owner": "a member of this tenant"})
    if draft.playbook_id is not None:
        PlaybookRepository(scope).get(draft.playbook_id)


def _text(text: str, name: str) -> str:
    if len(text) > MAX_TEXT:
        expected = f"at most {MAX_TEXT} characters"
        raise Invalid(f"The {name} is too long: give {expected}.", fields={name: expected})
    return text


def _dismissed(found: Suggestion, reason: Dismissal, now: datetime) -> AuditEntry:
    return AuditEntry(
        at=now,
        action="suggestion.dismissed",
        entity_type="AccountMLPrediction",
        entity_id=str(found.prediction_id),
        after={"accountId": found.account_id, "reason": reason.value},
    )
