"""The people of a tenant and their places in it, for those who manage it."""

from collections.abc import Sequence
from datetime import datetime

from cs_ml.domain.actor import AccountScope, Actor, Permission, Role
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.domain.identity.people import Member
from cs_ml.services.clock import Clock
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.scope import Scope


class MemberService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self, actor: Actor) -> Sequence[Member]:
        """Everybody who has a place in the tenant, by name."""
        actor.require(Permission.MANAGE_TENANT)
        with self._database.read(actor) as scope:
            return scope.identity().roster.list(actor.tenant_id)

    def change(self, actor: Actor, user_id: int, role: Role, accounts: AccountScope) -> None:
        """Gives a member another role or other accounts, which ends the member's sessions."""
        actor.require(Permission.MANAGE_TENANT)
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            _member(scope, user_id)
            give_place(scope, user_id, role, accounts, self._clock())

    def remove(self, actor: Actor, user_id: int) -> None:
        """Takes a member's place away and ends the sessions. The accounts that the member owns stay as they are."""
        actor.require(Permission.MANAGE_TENANT)
        now = self._clock()
        with self._database.write(actor) as scope:
            scope.lock_tenant()
            member = _member(scope, user_id)
            _check(scope, member, None)
            scope.identity().roster.remove(actor.tenant_id, user_id)
            scope.identity().raise_epoch(user_id, now)
            _note(scope, "member.removed", member, None, now)

    def end_sessions(self, actor: Actor, user_id: int) -> None:
        """Signs a member out everywhere."""
        actor.require(Permission.MANAGE_TENANT)
        now = self._clock()
        with self._database.write(actor) as scope:
            member = _member(scope, user_id)
            _check(scope, member, member.role)
            scope.identity().raise_epoch(user_id, now)
            _note(scope, "member.sessions_ended", member, member, now)


def give_place(scope: Scope, user_id: int, role: Role, accounts: AccountScope, now: datetime) -> None:
    """A place in the actor's tenant, or another one; a change ends the user's sessions.

    Raises Forbidden where only an owner may do that, Invalid where it would leave the tenant without an owner.
    """
    identity, tenant_id = scope.identity(), scope.actor.tenant_id
    before = identity.roster.find(tenant_id, user_id)
    _check(scope, before, role)
    identity.set_membership(tenant_id, user_id, role, accounts, now)
    after = identity.roster.find(tenant_id, user_id)
    if after is not None and (before is None or (before.role, before.scope) != (role, accounts)):
        if before is not None:
            identity.raise_epoch(user_id, now)
        _note(scope, "member.changed" if before else "member.added", before, after, now)


def _check(scope: Scope, before: Member | None, role: Role | None) -> None:
    """`role` None: the place is taken away."""
    owned = before is not None and before.role is Role.OWNER
    if (owned or role is Role.OWNER) and scope.actor.role is not Role.OWNER:
        raise Forbidden("Only an owner of this tenant can make another owner, or change one.")
    if owned and role is not Role.OWNER and scope.identity().roster.owners(scope.actor.tenant_id) < 2:
        raise Invalid("This is the last owner of the tenant. Make another one first.", fields={"role": "an owner left"})


def _member(scope: Scope, user_id: int) -> Member:
    found = scope.identity().roster.find(scope.actor.tenant_id, user_id)
    if found is None:
        raise NotFound("Nobody of this tenant is called so.", code="USER_NOT_FOUND")
    return found


def _note(scope: Scope, action: str, before: Member | None, after: Member | None, now: datetime) -> None:
    member = after or before
    if member is not None:
        entry = AuditEntry(
            at=now,
            action=action,
            entity_type="user",
            entity_id=str(member.person.id),
            before=_place(before),
            after=_place(after),
        )
        AuditRepository(scope).add([entry])


def _place(member: Member | None) -> dict[str, str] | None:
    return {"role": member.role, "accounts": member.scope} if member else None
