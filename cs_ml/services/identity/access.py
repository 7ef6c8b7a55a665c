"""Who may act where: users, their roles, and the proof of who they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cs_ml.domain.actor import AccountScope, Actor, Permission, Role, Source
from cs_ml.domain.errors import Invalid, NotFound
from cs_ml.domain.identity.people import Membership, Person, Proven, Tenant
from cs_ml.domain.identity.sessions import OpenSession
from cs_ml.services.clock import Clock
from cs_ml.services.identity.members import give_place
from cs_ml.services.identity.passwords import PasswordHasher, check_password, generate_password
from cs_ml.services.identity.recording import note_person
from cs_ml.store.database import Database
from cs_ml.store.identity import RESERVED_DOMAIN, IdentityStore

ISSUED_HOURS = 72  # over a weekend; who hands a password over does so soon
_MAX_EMAIL = 254  # characters (RFC 5321)


@dataclass(frozen=True, kw_only=True, slots=True)
class AddedUser:
    """`password` is set where one was made up: for ISSUED_HOURS, to choose another by, and not to be had again.

    `password_kept`: the user could sign in before, so that password still holds.
    """

    person: Person
    tenant: Tenant
    role: Role
    scope: AccountScope
    created: bool
    password: str | None
    password_kept: bool


class AccessService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._hasher = PasswordHasher()

    def has_tenants(self) -> bool:
        """Whether anybody uses this database yet."""
        with self._database.identity() as identity:
            return identity.has_tenants()

    def active_tenants(self) -> list[str]:
        """Ids of every tenant that the product works for by itself."""
        with self._database.identity() as identity:
            return identity.active_tenants()

    def tenant_by_slug(self, slug: str) -> Tenant:
        """Raises NotFound."""
        with self._database.identity() as identity:
            tenant = identity.find_tenant(slug)
        if tenant is None:
            raise NotFound(f"There is no tenant `{slug}`.", code="TENANT_NOT_FOUND")
        return tenant

    def memberships(self, user_id: int) -> list[Membership]:
        """The tenants that the user may work in, by name."""
        with self._database.identity() as identity:
            return identity.memberships(user_id)

    def actor_for(self, user_id: int, tenant_id: str) -> Actor:
        """Role and scope as they stand now. Raises NotFound where the user has no place in an active tenant."""
        found = next((m for m in self.memberships(user_id) if m.tenant.id == tenant_id), None)
        if found is None:
            raise NotFound("You have no access to this tenant.", code="TENANT_NOT_FOUND")
        return Actor(tenant_id=tenant_id, user_id=user_id, role=found.role, scope=found.scope)

    def actor_by_email(self, email: str, tenant_id: str, *, source: Source) -> Actor:
        """A user of the tenant as an actor. Raises NotFound where nobody of that address works there."""
        with self._database.identity() as identity:
            person = identity.find_user(email)
            able = person is not None and not identity.password_state(person.id).disabled
        if person is None or not able:
            raise NotFound(f"Nobody at `{email}` works in this tenant.", code="USER_NOT_FOUND")
        return replace(self.actor_for(person.id, tenant_id), source=source)

    def verify(self, email: str, password: str) -> Proven | None:
        """The user whose password this is; None for a wrong password, one that was issued and has run out, an unknown
        or a disabled user alike.

        A hash of the CRM's, or one of ours with weaker parameters than today's, is followed by a new one of ours.
        """
        with self._database.identity() as identity:
            person = identity.find_user(email)
            state = identity.password_state(person.id) if person else None
        right = self._hasher.matches(password, state.hash if state else None)
        now = self._clock()
        if not right or person is None or state is None or state.has_run_out(now):
            return None
        until = state.issued_until
        if self._hasher.is_outdated(state.own_hash):
            with self._database.identity(write=True) as identity:
                identity.set_password_hash(person.id, self._hasher.hash(password), now, issued_until=until)
        return Proven(person=person, issued_until=until)

    def known(self, email: str) -> Proven | None:
        """The user of an address that somebody else has proven; None for one who could not sign in by a password, who
        has no place in an active tenant, and for nobody."""
        with self._database.identity() as identity:
            person = identity.find_user(email)
            able = person is not None and identity.password_state(person.id).hash is not None
            return Proven(person=person) if able and person is not None and identity.memberships(person.id) else None

    def add_user(
        self,
        actor: Actor,
        email: str,
        *,
        role: Role,
        scope: AccountScope = "all",
        name: str | None = None,
        password: str | None = None,
    ) -> AddedUser:
        """Gives a new or known user a place in the actor's tenant; without `password` one is made up.

        A known user keeps the password, unless it was issued and has run out; one who belongs to another tenant too
        gets none from here: only an operator (`set_password`) may do that.
        """
        actor.require(Permission.MANAGE_TENANT)
        _check_email(email)
        accounts = scope
        now = self._clock()
        with self._database.write(actor) as transaction:
            identity = transaction.identity()
            tenant = _active_tenant(identity, actor.tenant_id)
            transaction.lock_tenant()
            person = identity.find_user(email)
            created = person is None
            if person is None:
                person = _get(identity, identity.add_user(email, name or email.partition("@")[0], now))
            state = identity.password_state(person.id)
            holds = state.hash is not None and not state.has_run_out(now)
            kept = holds or any(m.tenant.id != tenant.id for m in identity.memberships(person.id))
            give_place(transaction, person.id, role, accounts, now)
            made_up = None if kept or password is not None else generate_password()
            if not kept:
                words, until = (tenant.slug, tenant.name), _until(made_up, now)
                self._store_password(identity, person, password or made_up or "", words=words, issued_until=until)
        return AddedUser(
            person=person,
            tenant=tenant,
            role=role,
            scope=accounts,
            created=created,
            password=made_up,
            password_kept=kept,
        )

    def set_password(self, email: str, password: str | None = None) -> str | None:
        """A new password by the operator; ends the user's sessions. Answers the password where one is made up: for
        ISSUED_HOURS, to choose another by."""
        made_up, now = None if password is not None else generate_password(), self._clock()
        with self._database.identity(write=True) as identity:
            person, until = _known(identity, email), _until(made_up, now)
            self._store_password(identity, person, password or made_up or "", words=(), issued_until=until)
        note_person(self._database, person.id, "user.password_changed", now, by=None)
        return made_up

    def choose_password(self, user_id: int, password: str, *, epoch: int) -> None:
        """A user's own choice in place of the present password: it holds for good, and ends the user's sessions.

        `epoch`: the user's at the sign-in that allows it. Raises NotFound where that has passed, and Invalid for a
        password that is easy to guess, or the present one.
        """
        with self._database.identity(write=True) as identity:
            person, state = _get(identity, user_id), identity.password_state(user_id)
            if state.epoch != epoch:
                raise NotFound("This sign-in has ended. Sign in again.", code="SESSION_NOT_FOUND")
            words = _tenant_words(identity, user_id)
            if self._hasher.matches(password, state.hash):
                raise _same()
            self._store_password(identity, person, password, words=words, issued_until=None)
        note_person(self._database, user_id, "user.password_changed", self._clock(), by=user_id)

    def check_new_password(self, user_id: int, password: str, *, present: str) -> None:
        """Raises Invalid for one that is easy to guess, or what the user says is the present one."""
        with self._database.identity() as identity:
            person, words = _get(identity, user_id), _tenant_words(identity, user_id)
        _check(password, person, words)
        if password == present:
            raise _same()

    def set_disabled(self, email: str, *, disabled: bool) -> None:
        """Switches a user off, which ends the sessions, or on again."""
        now = self._clock()
        with self._database.identity(write=True) as identity:
            person = _known(identity, email)
            identity.set_disabled(person.id, disabled, now)
            identity.raise_epoch(person.id, now)
        note_person(self._database, person.id, "user.disabled" if disabled else "user.enabled", now, by=None)

    def open_sessions(self, email: str, *, idle: timedelta) -> Sequence[OpenSession]:
        """The browsers that a user is signed in with, newest first. `idle`: as long unused, a session has ended."""
        now = self._clock()
        with self._database.identity() as identity:
            person = _known(identity, email)
            epoch = identity.password_state(person.id).epoch
            found = identity.sign_ins.list(person.id, now, idle_since=now - idle)
        return [session for session in found if session.epoch == epoch]

    def reset(self, email: str) -> None:
        """Ends every session of a user and forgets the failed attempts; the password stays as it is."""
        now = self._clock()
        with self._database.identity(write=True) as identity:
            person = _known(identity, email)
            identity.raise_epoch(person.id, now)
            identity.sign_ins.forgive(person.email)
        note_person(self._database, person.id, "user.reset", now, by=None)

    def _store_password(
        self,
        identity: IdentityStore,
        person: Person,
        password: str,
        *,
        words: tuple[str, ...],
        issued_until: datetime | None,
    ) -> None:
        _check(password, person, words)
        now = self._clock()
        identity.set_password_hash(person.id, self._hasher.hash(password), now, issued_until=issued_until)
        identity.raise_epoch(person.id, now)
        identity.sign_ins.forgive(person.email)


def _check(password: str, person: Person, words: Sequence[str]) -> None:
    check_password(password, (person.email, *person.email.split("@"), *person.name.split(), *words))


def _tenant_words(identity: IdentityStore, user_id: int) -> tuple[str, ...]:
    tenants = (membership.tenant for membership in identity.memberships(user_id))
    return tuple(word for tenant in tenants for word in (tenant.slug, *tenant.name.split()))


def _same() -> Invalid:
    message = "Take another password than the one that you signed in with."
    return Invalid(message, fields={"password": message})


def _until(made_up: str | None, now: datetime) -> datetime | None:
    """How long a password holds: for good where somebody has given it."""
    return now + timedelta(hours=ISSUED_HOURS) if made_up is not None else None


def _check_email(email: str) -> None:
    local, at, domain = email.strip().rpartition("@")
    if not (local and at and domain) or len(email) > _MAX_EMAIL or any(c.isspace() or c < " " for c in email.strip()):
        raise Invalid(f"`{email[:_MAX_EMAIL]}` is no e-mail address.", fields={"email": "an e-mail address"})
    if domain.lower().endswith(RESERVED_DOMAIN):
        raise Invalid(f"Users at `{RESERVED_DOMAIN}` cannot sign in.", fields={"email": "an address that exists"})


def _active_tenant(identity: IdentityStore, tenant_id: str) -> Tenant:
    tenant = identity.get_tenant(tenant_id)
    if tenant is None or not tenant.active:
        raise NotFound("There is no such tenant, or it is not active.", code="TENANT_NOT_FOUND")
    return tenant


def _get(identity: IdentityStore, user_id: int) -> Person:
    person = identity.get_user(user_id)
    if person is None:
        raise NotFound("This user does not exist any more.", code="USER_NOT_FOUND")
    return person


def _known(identity: IdentityStore, email: str) -> Person:
    person = identity.find_user(email)
    if person is None:
        raise NotFound(f"There is no user `{email}`.", code="USER_NOT_FOUND")
    return person
