"""Making a CTA from a suggestion, and adding to one that is open: within the caller's short transaction."""

from datetime import date, datetime, timedelta

from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.playbooks import laid_out
from cs_ml.domain.ctas.values import (
    Cta,
    CtaDraft,
    CtaProposal,
    CtaStatus,
    Suggestion,
    more_pressing,
)
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.scope import Scope
from cs_ml.store.work.ctas import CtaRepository
from cs_ml.store.work.playbooks import PlaybookRepository
from cs_ml.store.work.rows import midnight

_TICK = timedelta(milliseconds=1)


class TakenUp(Exception):
    """Another application has tied a CTA to the same prediction meanwhile; this transaction is rolled back."""


def later(now: datetime, *versions: datetime) -> datetime:
    """A version that differs from all before, even within one millisecond."""
    return max(now, *(version + _TICK for version in versions))


def plain_draft(scope: Scope, proposal: CtaProposal, calendar: WorkCalendar, now: datetime) -> CtaDraft:
    """The suggestion as it stands. A due day that has passed since is counted anew from today."""
    today, actor = calendar.day_of(now), scope.actor
    owner_id = proposal.owner_id or actor.user_id or scope.identity().unassigned_owner(actor.tenant_id, now)
    return CtaDraft(
        title=proposal.title,
        reason=proposal.reason,
        priority=proposal.priority,
        due=due_from(proposal, calendar, today),
        owner_id=owner_id,
        playbook_id=proposal.playbook_id,
    )


def due_from(proposal: CtaProposal, calendar: WorkCalendar, today: date) -> date:
    return proposal.due if proposal.due >= today else calendar.due(today, proposal.due_days)


def make(
    scope: Scope, suggestion: Suggestion, draft: CtaDraft, calendar: WorkCalendar, now: datetime, *, note: str | None
) -> int:
    """The CTA, its tasks, the link to the prediction and the audit entry, or nothing of it. `note` None: made by the
    product itself. Raises TakenUp."""
    proposal, ctas = suggestion.proposal, CtaRepository(scope)
    assert proposal is not None  # noqa: S101 - the rules let no other pass
    automatic = note is None
    cta_id = ctas.add(
        {
            "accountId": suggestion.account_id,
            "ownerId": draft.owner_id,
            "type": proposal.type.value,
            "status": CtaStatus.OPEN.value,
            "priority": draft.priority.value,
            "title": draft.title,
            "description": f"{calendar.day_of(now).isoformat()}: made all the same: {note}" if note else None,
            "reason": draft.reason,
            "dueDate": midnight(draft.due),
            "playbookId": draft.playbook_id,
            "isAutomated": automatic,
            "triggerRule": proposal.trigger_rule,
            "triggerData": {
                "predictionId": suggestion.prediction_id,
                "probability": suggestion.probability,
                "riskCategory": suggestion.band.value,
                "evidence": [{"id": point.id, "text": point.text} for point in proposal.data_points],
            },
            "createdAt": now,
            "updatedAt": now,
        }
    )
    playbooks = PlaybookRepository(scope)
    playbook = playbooks.find(draft.playbook_id) if draft.playbook_id else None
    if playbook is not None:
        tasks = laid_out(playbook.steps, calendar.day_of(now), calendar, draft.owner_id)
        ctas.add_tasks(cta_id, tasks, now, from_playbook=True)
        playbooks.count_use(playbook.id)
    if not ctas.link(suggestion.prediction_id, cta_id, now):
        raise TakenUp
    AuditRepository(scope).add([_made(suggestion, draft, cta_id, now, automatic=automatic, note=note)])
    return cta_id


def add_evidence(scope: Scope, cta: Cta, suggestion: Suggestion, calendar: WorkCalendar, now: datetime) -> bool:
    """Appends what the suggestion knows as a dated note, and lets it raise the priority; once for each prediction."""
    proposal, ctas = suggestion.proposal, CtaRepository(scope)
    data = dict(ctas.trigger_data(cta.id))
    known = data.get("additions", [])
    if proposal is None or suggestion.prediction_id in [data.get("predictionId"), *known]:
        return False
    note = f"{calendar.day_of(now).isoformat()}: new evidence\n{proposal.reason}"
    priority = more_pressing(cta.priority, proposal.priority)
    ctas.change(
        [cta.id],
        {
            "description": f"{cta.description}\n\n{note}" if cta.description else note,
            "priority": priority.value,
            "trigger_data": {**data, "additions": [*known, suggestion.prediction_id]},
            "updated_at": later(now, cta.version),
        },
    )
    AuditRepository(scope).add(
        [
            AuditEntry(
                at=now,
                action="cta.evidence_added",
                entity_type="CTA",
                entity_id=str(cta.id),
                before={"priority": cta.priority.value},
                after={"priority": priority.value, "predictionId": suggestion.prediction_id},
            )
        ]
    )
    return True


def _made(
    suggestion: Suggestion, draft: CtaDraft, cta_id: int, now: datetime, *, automatic: bool, note: str | None
) -> AuditEntry:
    return AuditEntry(
        at=now,
        action="cta.automated" if automatic else "cta.accepted",
        entity_type="CTA",
        entity_id=str(cta_id),
        after={
            "accountId": suggestion.account_id,
            "predictionId": suggestion.prediction_id,
            "ownerId": draft.owner_id,
            "playbookId": draft.playbook_id,
            "due": draft.due.isoformat(),
            "priority": draft.priority.value,
            "overridden": bool(note),
        },
    )
