"""The services of this subject over one database, with a clock that the test moves."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from cs_ml.domain.actor import Actor
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.work.accepting import AcceptingService
from cs_ml.services.work.automation import AutomationService
from cs_ml.services.work.changes import CtaChangeService
from cs_ml.services.work.inbox import InboxService
from cs_ml.services.work.playbooks import PlaybookService
from cs_ml.store.database import Database
from cs_ml.store.tables import CTA, AuditEvent, CTATask
from tests.services.predictions.predicting import TestClock
from tests.support.factories import SUGGESTED, add_account, add_prediction

DAILY_LIMIT = 50


class Work:
    def __init__(self, database: Database, actor: Actor) -> None:
        self.database, self.actor, self.clock = database, actor, TestClock()
        self.suggestions = AcceptingService(database, self.clock, daily_limit=DAILY_LIMIT)
        self.automation = AutomationService(database, self.clock, daily_limit=DAILY_LIMIT)
        self.changes = CtaChangeService(database, self.clock)
        self.inbox = InboxService(database, self.clock)
        self.playbooks = PlaybookService(database, self.clock)
        self.settings = TenantSettingsService(database, self.clock)

    def suggested(self, account_id: int | None = None, *, title: str | None = None, **overrides: Any) -> int:
        """The account of a new valid prediction at high risk that suggests a CTA, `title` or the usual one."""
        account = account_id or add_account(self.database, self.actor)
        proposal = SUGGESTED if title is None else {**SUGGESTED, "title": title}
        row = {"category": "high", "probability": 0.7, "suggested_cta": proposal, "predicted_at": self.clock.now}
        row |= {"valid_until": self.clock.now + timedelta(days=30)}
        add_prediction(self.database, self.actor, account, **{**row, **overrides})
        return account

    def accepted(self, **overrides: Any) -> int:
        """The id of a CTA that was accepted as suggested."""
        return self.suggestions.accept(self.actor, self.suggested(**overrides)).cta.id

    def rows(self, entity: type[Any] = CTA) -> Sequence[Any]:
        with self.database.read(self.actor) as scope:
            return scope.execute(select(*(getattr(entity, name) for name in _names(entity)))).all()

    def actions(self) -> Sequence[str]:
        """What the audit tells of this subject, in order."""
        noted = [row.action for row in sorted(self.rows(AuditEvent), key=lambda row: row.id)]
        return [action for action in noted if action.startswith(("cta.", "suggestion.", "playbook."))]

    def tasks(self) -> Sequence[Any]:
        return sorted(self.rows(CTATask), key=lambda row: row.order_index)


def _names(entity: type[Any]) -> Sequence[str]:
    return [attribute.key for attribute in entity.__mapper__.column_attrs]
