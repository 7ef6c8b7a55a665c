"""Signing in and out, and who uses a browser. Nothing that a browser holds is stored: only keyed digests of it are."""

import hmac
import logging
import secrets
import time as waiting
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from cs_ml.domain.identity.people import Person, Proven
from cs_ml.domain.identity.sessions import SignedIn, StoredSession, Vouched
from cs_ml.services.clock import Clock
from cs_ml.services.identity.access import AccessService
from cs_ml.services.identity.pacing import Pace
from cs_ml.services.identity.recording import note_person
from cs_ml.store.database import Database
from cs_ml.store.identity import IdentityStore

TICKET_LIFE = timedelta(seconds=30)
# How old a provider's word may be: its way here takes seconds. Shorter than WINDOW, in which it is known to be used.
VOUCHED_LIFE = timedelta(minutes=5)
_AHEAD = timedelta(minutes=2)  # the clock of a provider
IDLE = timedelta(minutes=60)
ABSOLUTE = timedelta(hours=12)
# Failures of one account before it is refused, even with the right password, until the window has passed.
MAX_FAILURES = 5
WINDOW = timedelta(minutes=15)
# Guesses in a row, over all windows, before only an operator can help (NIST SP 800-63B-4, 3.2.2).
MAX_CONSECUTIVE = 100
# Failures from one address, and from everywhere, in a window before all attempts are refused unread. High: an office
# has one address. What they bound is the guessing of many accounts at once, and the work of hashing.
MAX_FAILURES_OF_CLIENT = 100
MAX_FAILURES_OF_ALL = 1_000
# How long failures of an account that nobody tries again are kept.
FORGET = timedelta(days=30)
_TOUCH_EVERY = timedelta(minutes=1)  # a click is no reason to write
_TOKEN_BYTES = 32
_EVERYBODY = "everybody"

_log = logging.getLogger(__name__)


class SessionService:
    """`key`: 32 bytes or more; changing it ends every session."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: AccessService,
        *,
        key: bytes,
        sleep: Callable[[float], None] = waiting.sleep,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._key = key
        self._pace = Pace(sleep)

    def sign_in(self, email: str, password: str, *, client: str | None = None) -> str | None:
        """A ticket for `redeem`; None for a wrong password or one that has run out, an unknown, disabled or locked
        account alike.

        `client`: the address of who asks; None where it is not known.
        """
        return self._judge(email, client, partial(self._access.verify, email, password))

    def admit(self, vouched: Vouched, *, client: str | None = None) -> str | None:
        """A ticket for whom the company's identity provider vouches: a user who could sign in by a password, too. None
        for everybody else, for an address that is not verified, and for a word that is old or was used before."""
        if not (self.is_fresh(vouched) and self._use(vouched.proof)):
            return None  # no attempt on the account: a page that is drawn again would close it
        find = partial(self._access.known, vouched.email) if vouched.verified else _nobody
        return self._judge(vouched.email, client, find, by="identity provider")

    def is_fresh(self, vouched: Vouched) -> bool:
        """Whether this word of a provider can be of somebody who has just come from there."""
        return -_AHEAD <= self._clock() - vouched.issued_at <= VOUCHED_LIFE

    def redeem(self, ticket: str) -> str | None:
        """A new session's token for a ticket; None for one that was used, has run out, or never was."""
        now = self._clock()
        with self._database.identity(write=True) as identity:
            taken = identity.sign_ins.take_ticket(self._digest(ticket), now)
            if taken is None:
                return None
            token, (user_id, until) = secrets.token_urlsafe(_TOKEN_BYTES), taken
            epoch, ends = identity.password_state(user_id).epoch, now + ABSOLUTE
            ends = min(ends, until or ends)
            identity.sign_ins.add_session(
                self._digest(token), user_id, epoch=epoch, now=now, expires_at=ends, issued_until=until
            )
        return token

    def resolve(self, token: str) -> SignedIn | None:
        """Who is signed in by this token, with role and scope as they stand now; None where nobody is, or somebody who
        must choose a password first."""
        now, session = self._clock(), self._digest(token)
        with self._database.identity() as identity:
            holder = self._holder(identity, token)
            if holder is None or holder[0].issued_until is not None:
                return None
            found, person = holder
            memberships = identity.memberships(found.user_id)
        if now >= found.last_seen_at + _TOUCH_EVERY:
            with self._database.identity(write=True) as identity:
                identity.sign_ins.touch(session, now)
        if not memberships:
            return None
        place = next((m for m in memberships if m.tenant.id == found.tenant_id), memberships[0])
        return SignedIn(person=person, memberships=tuple(memberships), place=place)

    def must_choose(self, token: str) -> Person | None:
        """Who is signed in by an issued password, and may do nothing but choose another; None for everybody else."""
        with self._database.identity() as identity:
            holder = self._holder(identity, token)
        return holder[1] if holder and holder[0].issued_until is not None else None

    def choose_password(self, token: str, password: str) -> str | None:
        """The own password of somebody who must choose. It ends every session; answers a ticket for a new one, None
        where nobody must choose by this token. Raises Invalid for a password that will not do."""
        with self._database.identity() as identity:
            holder = self._holder(identity, token)
        if holder is None or holder[0].issued_until is None:
            return None
        found, person = holder
        self._access.choose_password(person.id, password, epoch=found.epoch)
        return self._ticket(person, by="new password")

    def change_password(self, token: str, present: str, password: str, *, client: str | None = None) -> str | None:
        """Another password of somebody who is signed in and knows the present one. It ends every session; answers a
        ticket for a new one. None where the present one is wrong, which counts like a failed sign-in, or nobody is
        signed in by this token. Raises Invalid for a password that will not do."""
        with self._database.identity() as identity:
            holder = self._holder(identity, token)
        if holder is None or holder[0].issued_until is not None:
            return None
        found, person = holder
        self._access.check_new_password(person.id, password, present=present)
        with self._pace.kept():
            find = partial(self._access.verify, person.email, present)
            if self._prove(person.email, client, find, by="present password") is None:
                return None
            self._access.choose_password(person.id, password, epoch=found.epoch)
            return self._ticket(person, _rates(client), client, by="new password")

    def choose_tenant(self, token: str, tenant_id: str) -> None:
        """Where this browser works from now on. Raises NotFound for a tenant that the user has no place in."""
        session = self._digest(token)
        with self._database.identity() as identity:
            found = identity.sign_ins.find_session(session)
        if found is not None:
            self._access.actor_for(found.user_id, tenant_id)
            with self._database.identity(write=True) as identity:
                identity.sign_ins.choose_tenant(session, tenant_id)

    def end(self, token: str) -> None:
        """Signs out: the token is worth nothing from now on, in whatever hands."""
        session = self._digest(token)
        with self._database.identity(write=True) as identity:
            found = identity.sign_ins.find_session(session)
            identity.sign_ins.end(session)
        if found is not None:
            note_person(self._database, found.user_id, "session.ended", self._clock(), by=found.user_id)

    def _holder(self, identity: IdentityStore, token: str) -> tuple[StoredSession, Person] | None:
        """The session of a token, and whose it is, while it lasts."""
        now, found = self._clock(), identity.sign_ins.find_session(self._digest(token))
        if found is None or now >= found.expires_at or now >= found.last_seen_at + IDLE:
            return None
        person, state = identity.get_user(found.user_id), identity.password_state(found.user_id)
        return None if person is None or state.disabled or state.epoch != found.epoch else (found, person)

    def _judge(
        self, email: str, client: str | None, find: Callable[[], Proven | None], by: str | None = None
    ) -> str | None:
        """Judges one attempt, in the same time whatever comes of it. `by`: other than by password."""
        with self._pace.kept():
            proven = self._prove(email, client, find, by)
            if proven is None:
                return None
            return self._ticket(proven.person, _rates(client), client, by=by, issued_until=proven.issued_until)

    def _prove(
        self, email: str, client: str | None, find: Callable[[], Proven | None], by: str | None
    ) -> Proven | None:
        """Counts an attempt, and notes one that fails."""
        if not self._count_rates(_rates(client)):
            return None
        failures, allowed = self._count(email)
        proven = find()
        if proven is None or not allowed:
            self._note_failure(email, client, failures, allowed=allowed, by=by)
            return None
        return proven

    def _use(self, proof: str) -> bool:
        """Whether nobody has used this proof before."""
        now = self._clock()
        with self._database.identity(write=True) as identity:
            return identity.sign_ins.count_rate(f"proof {proof}", now, window_since=now - WINDOW) == 1

    def _count_rates(self, rates: Sequence[str]) -> bool:
        """Whether an attempt may be looked at: neither its address nor all together failed too often."""
        now = self._clock()
        most = {_EVERYBODY: MAX_FAILURES_OF_ALL}
        with self._database.identity(write=True) as identity:
            counts = {rate: identity.sign_ins.count_rate(rate, now, window_since=now - WINDOW) for rate in rates}
        return all(count <= most.get(rate, MAX_FAILURES_OF_CLIENT) for rate, count in counts.items())

    def _count(self, email: str) -> tuple[int, bool]:
        """The attempts on an account in this window, and whether this one may succeed."""
        now = self._clock()
        with self._database.identity(write=True) as identity:
            identity.sign_ins.clean(now, idle_since=now - IDLE, forget_before=now - FORGET)
            failures, consecutive = identity.sign_ins.count_attempt(
                email, now, window_since=now - WINDOW, limit=MAX_FAILURES
            )
        return failures, failures <= MAX_FAILURES and consecutive <= MAX_CONSECUTIVE

    def _ticket(
        self,
        person: Person,
        rates: Sequence[str] = (),
        client: str | None = None,
        by: str | None = None,
        issued_until: datetime | None = None,
    ) -> str:
        ticket, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock()
        with self._database.identity(write=True) as identity:
            identity.sign_ins.forgive(person.email)
            for rate in rates:
                identity.sign_ins.uncount_rate(rate)
            identity.sign_ins.add_ticket(
                self._digest(ticket), person.id, expires_at=now + TICKET_LIFE, issued_until=issued_until
            )
        note_person(self._database, person.id, "sign_in.succeeded", now, by=person.id, after=_from(client, by))
        return ticket

    def _note_failure(self, email: str, client: str | None, failures: int, *, allowed: bool, by: str | None) -> None:
        """Once as locked, then no more: whoever goes on guessing does not fill the log."""
        if not allowed and failures > MAX_FAILURES + 1:
            return
        with self._database.identity() as identity:
            person = identity.find_user(email)
        if person is None:
            _log.warning("a sign-in failed for an account that does not exist", extra={"client": client})
            return
        action = "sign_in.failed" if allowed else "sign_in.locked"
        note_person(self._database, person.id, action, self._clock(), by=None, after=_from(client, by))

    def _digest(self, secret: str) -> str:
        return hmac.digest(self._key, secret.encode(), "sha256").hex()


def _rates(client: str | None) -> Sequence[str]:
    """Under what an attempt counts beside its account."""
    return [_EVERYBODY] if client is None else [_EVERYBODY, client]


def _nobody() -> None:
    """An address that is not verified is nobody's."""


def _from(client: str | None, by: str | None) -> Mapping[str, str] | None:
    known = {"client": client, "by": by}
    return {name: value for name, value in known.items() if value} or None
