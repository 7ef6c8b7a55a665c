"""Sessions, the tickets that open them, and failed attempts.

Ids of sessions and tickets are digests, made by services/sessions.py.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, or_, select, update

from cs_ml.domain.identity.sessions import OpenSession, StoredSession
from cs_ml.store.identity.door import Keyholder
from cs_ml.store.tables import SignInSession, SignInThrottle, SignInTicket


class SignInStore(Keyholder):
    """Reached through `IdentityStore.sign_ins`; never commits."""

    def add_ticket(self, ticket: str, user_id: int, *, expires_at: datetime, issued_until: datetime | None) -> None:
        row = {"id": ticket, "userId": user_id, "expiresAt": expires_at, "issuedUntil": issued_until}
        self._run(self._insert(SignInTicket), [row])

    def take_ticket(self, ticket: str, now: datetime) -> tuple[int, datetime | None] | None:
        """User and `issued_until` of a ticket that has not run out; gone afterwards, whoever else asks at the same
        moment."""
        taken = delete(SignInTicket).where(SignInTicket.id == ticket, SignInTicket.expires_at > now)
        row = self._run(taken.returning(SignInTicket.user_id, SignInTicket.issued_until)).one_or_none()
        return (row.user_id, row.issued_until) if row else None

    def add_session(
        self,
        session: str,
        user_id: int,
        *,
        epoch: int,
        now: datetime,
        expires_at: datetime,
        issued_until: datetime | None,
    ) -> None:
        row = {
            "id": session,
            "userId": user_id,
            "epoch": epoch,
            "createdAt": now,
            "lastSeenAt": now,
            "expiresAt": expires_at,
            "issuedUntil": issued_until,
        }
        self._run(self._insert(SignInSession), [row])

    def find_session(self, session: str) -> StoredSession | None:
        """Also one that has ended by time or epoch: the caller judges."""
        row = self._run(
            select(
                SignInSession.user_id,
                SignInSession.tenant_id,
                SignInSession.epoch,
                SignInSession.last_seen_at,
                SignInSession.expires_at,
                SignInSession.issued_until,
            ).where(SignInSession.id == session)
        ).one_or_none()
        return StoredSession(**row._mapping) if row else None

    def list(self, user_id: int, now: datetime, *, idle_since: datetime) -> Sequence[OpenSession]:
        """The sessions of a user that time has not ended, newest first; those of an earlier epoch too."""
        rows = self._run(
            select(
                SignInSession.epoch,
                SignInSession.created_at,
                SignInSession.last_seen_at,
                SignInSession.expires_at,
            )
            .where(
                SignInSession.user_id == user_id,
                SignInSession.expires_at > now,
                SignInSession.last_seen_at > idle_since,
            )
            .order_by(SignInSession.created_at.desc(), SignInSession.id)
        )
        return [OpenSession(**row._mapping) for row in rows]

    def touch(self, session: str, now: datetime) -> None:
        self._run(update(SignInSession).where(SignInSession.id == session).values(last_seen_at=now))

    def choose_tenant(self, session: str, tenant_id: str) -> None:
        self._run(update(SignInSession).where(SignInSession.id == session).values(tenant_id=tenant_id))

    def end(self, session: str) -> None:
        self._run(delete(SignInSession).where(SignInSession.id == session))

    def clean(self, now: datetime, *, idle_since: datetime, forget_before: datetime) -> None:
        """Removes what can no longer matter: ended sessions, tickets run out, attempts begun before `forget_before`."""
        ended = or_(SignInSession.expires_at <= now, SignInSession.last_seen_at <= idle_since)
        self._run(delete(SignInSession).where(ended))
        self._run(delete(SignInTicket).where(SignInTicket.expires_at <= now))
        self._run(delete(SignInThrottle).where(SignInThrottle.window_started_at < forget_before))

    def count_attempt(self, email: str, now: datetime, *, window_since: datetime, limit: int) -> tuple[int, int]:
        """Counts an attempt before it is judged, so that many at once cannot slip through.

        Answers the attempts of the current window (begun after `window_since`) and the attempts since the last
        success that were let through, this one included.
        """
        table = SignInThrottle.__table__.c
        over = table.windowStartedAt <= window_since
        first = {"subject": _subject(email), "windowStartedAt": now, "failures": 1, "consecutive": 1}
        changes = {
            "failures": case((over, 1), else_=table.failures + 1),
            "consecutive": table.consecutive + case((over, 1), (table.failures >= limit, 0), else_=1),
            "windowStartedAt": case((over, now), else_=table.windowStartedAt),
        }
        statement = self._insert(SignInThrottle).values(first)
        statement = statement.on_conflict_do_update(index_elements=["subject"], set_=changes)
        row = self._run(statement.returning(table.failures, table.consecutive)).one()
        return row.failures, row.consecutive

    def count_rate(self, rate: str, now: datetime, *, window_since: datetime) -> int:
        """Counts an attempt to a rate that many accounts share; answers the attempts of its window, this one too."""
        table = SignInThrottle.__table__.c
        over = table.windowStartedAt <= window_since
        first = {"subject": _rate(rate), "windowStartedAt": now, "failures": 1, "consecutive": 0}
        changes = {
            "failures": case((over, 1), else_=table.failures + 1),
            "windowStartedAt": case((over, now), else_=table.windowStartedAt),
        }
        statement = self._insert(SignInThrottle).values(first)
        statement = statement.on_conflict_do_update(index_elements=["subject"], set_=changes)
        return int(self._run(statement.returning(table.failures)).scalar_one())

    def uncount_rate(self, rate: str) -> None:
        """Takes one attempt back: it was no failure."""
        counted = (SignInThrottle.subject == _rate(rate)) & (SignInThrottle.failures > 0)
        self._run(update(SignInThrottle).where(counted).values(failures=SignInThrottle.failures - 1))

    def forgive(self, email: str) -> None:
        """Forgets the failures of an account."""
        self._run(delete(SignInThrottle).where(SignInThrottle.subject == _subject(email)))

    def cancel_tickets(self, user_id: int) -> None:
        self._run(delete(SignInTicket).where(SignInTicket.user_id == user_id))


def _rate(name: str) -> str:
    """No address holds a space, so that no account can stand for a rate."""
    return hashlib.sha256(f"rate {name}".encode()).hexdigest()


def _subject(email: str) -> str:
    """Stands for an address, known or not, without keeping it."""
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()
