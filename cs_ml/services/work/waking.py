"""CTAs whose snooze is over: they read as open from that moment on, and are opened for good here."""

from datetime import datetime

from cs_ml.domain.actor import Actor
from cs_ml.domain.ctas.values import CtaStatus
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.scope import Scope
from cs_ml.store.work.ctas import CtaRepository

WOKEN = "cta.woken"


def wake(scope: Scope, now: datetime) -> int:
    """Answers how many woke. The audit names the product: with whose change they woke is chance."""
    woken = CtaRepository(scope).wake(now)
    before, after = {"status": CtaStatus.SNOOZED.value}, {"status": CtaStatus.OPEN.value}
    entries = [
        AuditEntry(at=now, action=WOKEN, entity_type="CTA", entity_id=str(cta_id), before=before, after=after)
        for cta_id in woken
    ]
    AuditRepository(scope).add(entries, by=Actor.system(scope.actor.tenant_id))
    return len(woken)
