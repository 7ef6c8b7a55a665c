"""Facts that a CRM keeps without history, as seen on a day: one row per account and day on which they differ."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import case, func, select

from cs_ml.store.bulk.stored_text import instant_text, json_text
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import CTA, Account, AccountSnapshot, CRMContact

CHAMPION = "champion"
_ENDED = ("COMPLETED", "CANCELLED")

Facts = dict[str, Any]


class SnapshotRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def take(self, at: datetime) -> None:
        """Writes how each account is now, dated `at` (a start of day), where that differs from its newest snapshot."""
        newest = {row.account_id: row for row in self._scope.execute(_newest())}
        new: list[tuple[int, str]] = []
        changed: list[tuple[int, str]] = []
        for account_id, facts in self._facts():
            known = newest.get(account_id)
            if known is not None and known.facts == facts:
                continue
            if known is not None and known.taken_at == at:
                changed.append((known.id, json_text(facts)))
            else:
                new.append((account_id, json_text(facts)))
        if new:
            accounts, texts = zip(*new, strict=True)
            taken_at = [instant_text(at)] * len(new)
            self._scope.insert_many(AccountSnapshot, {"accountId": accounts, "facts": texts, "takenAt": taken_at})
        if changed:
            ids, texts = zip(*changed, strict=True)
            self._scope.update_many(AccountSnapshot, {"id": ids, "facts": texts})

    def _facts(self) -> Iterator[tuple[int, Facts]]:
        contacts = {row.account_id: row for row in self._scope.execute(_contacts())}
        ctas: dict[int, Facts] = {}
        for row in self._scope.execute(_open_ctas()):
            due = row.due_date.isoformat() if row.due_date else None
            cta = {"status": row.status, "priority": row.priority, "due": due}
            ctas.setdefault(row.account_id, {})[str(row.id)] = cta
        for row in self._scope.execute(_accounts()):
            people = contacts.get(row.id)
            facts = {
                "type": row.type,
                "archived": row.archived,
                "healthScore": row.health_score,
                "engagementScore": row.engagement_score,
                "churnRisk": row.churn_risk,
                "ownerId": row.owner_id,
                "contacts": people.contacts if people else 0,
                "champions": people.champions if people else 0,
                "ctas": ctas.get(row.id, {}),
            }
            yield row.id, facts


@cache
def _accounts() -> AnySelect:
    return select(
        Account.id,
        Account.type,
        Account.archived,
        Account.health_score,
        Account.engagement_score,
        Account.churn_risk,
        Account.owner_id,
    ).order_by(Account.id)


@cache
def _contacts() -> AnySelect:
    champion = case((CRMContact.custom_fields["role"].as_string() == CHAMPION, 1), else_=0)
    return (
        select(CRMContact.account_id, func.count().label("contacts"), func.sum(champion).label("champions"))
        .where(CRMContact.account_id.is_not(None), CRMContact.archived.is_(False))
        .group_by(CRMContact.account_id)
    )


@cache
def _open_ctas() -> AnySelect:
    return select(CTA.id, CTA.account_id, CTA.status, CTA.priority, CTA.due_date).where(
        CTA.account_id.is_not(None), CTA.status.not_in(_ENDED)
    )


@cache
def _newest() -> AnySelect:
    latest = (
        select(AccountSnapshot.account_id.label("account_id"), func.max(AccountSnapshot.taken_at).label("taken_at"))
        .group_by(AccountSnapshot.account_id)
        .subquery()
    )
    return select(AccountSnapshot.id, AccountSnapshot.account_id, AccountSnapshot.taken_at, AccountSnapshot.facts).join(
        latest,
        (latest.c.account_id == AccountSnapshot.account_id) & (latest.c.taken_at == AccountSnapshot.taken_at),
    )
