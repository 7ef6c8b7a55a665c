"""Tenants, users, memberships and credentials: the one repository without a tenant filter.

It answers who may become an actor in which tenant, so it stands before the tenant door. Nothing that belongs to a
tenant is read here. E-mail addresses are compared without regard to case.
"""

import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from cs_ml.domain.actor import AccountScope, Role
from cs_ml.domain.identity.people import UNASSIGNED, Membership, PasswordState, Person, Tenant
from cs_ml.store.identity.door import Keyholder
from cs_ml.store.identity.key_marks import KeyMarkStore
from cs_ml.store.identity.roster import NO_PASSWORD, RESERVED_DOMAIN, RosterStore
from cs_ml.store.identity.sign_ins import SignInStore
from cs_ml.store.tables import Credential, MembershipScope, TenantUser, User
from cs_ml.store.tables import Tenant as TenantRow

_CHUNK = 1_000  # values of one IN list; SQLite takes 32,766
_ID_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


class IdentityStore(Keyholder):
    """Made by `Database.identity` and `Scope.identity`; never commits."""

    @property
    def sign_ins(self) -> SignInStore:
        """Sessions, tickets and failed attempts, in this same transaction."""
        return SignInStore(self._session)

    @property
    def roster(self) -> RosterStore:
        """Who has which place in a tenant, in this same transaction."""
        return RosterStore(self._session)

    @property
    def key_marks(self) -> KeyMarkStore:
        """By what a change of the settings' secrets is noticed, in this same transaction."""
        return KeyMarkStore(self._session)

    def has_tenants(self) -> bool:
        return self._run(select(TenantRow.id).limit(1)).first() is not None

    def active_tenants(self) -> list[str]:
        """Ids, oldest tenant first."""
        found = select(TenantRow.id).where(TenantRow.status == "ACTIVE").order_by(TenantRow.created_at, TenantRow.id)
        return list(self._run(found).scalars())

    def find_tenant(self, slug: str) -> Tenant | None:
        return self._tenant(TenantRow.slug == slug)

    def get_tenant(self, tenant_id: str) -> Tenant | None:
        return self._tenant(TenantRow.id == tenant_id)

    def add_tenant(self, slug: str, name: str, now: datetime, *, demo: bool = False) -> str:
        """The id of the new tenant. `slug` must be free. `demo`: its customers are made up, and screens say so."""
        tenant_id = "c" + "".join(secrets.choice(_ID_LETTERS) for _ in range(24))
        row = {"id": tenant_id, "slug": slug, "name": name, "createdAt": now, "updatedAt": now}
        row |= {"settings": {_DEMO: True}} if demo else {}
        self._run(self._insert(TenantRow), [row])
        return tenant_id

    def remove_tenant(self, tenant_id: str) -> None:
        """Removes a tenant, its memberships, and people who have a place nowhere else. Nothing of it may be left."""
        here = select(TenantUser.user_id).where(TenantUser.tenant_id == tenant_id)
        people = list(self._run(here).scalars())
        self._run(delete(TenantRow).where(TenantRow.id == tenant_id))
        elsewhere = select(TenantUser.user_id)
        alone = select(User.id).where(User.id.in_(people), User.id.not_in(elsewhere))
        for user_id in self._run(alone).scalars().all():
            with suppress(IntegrityError), self._session.begin_nested():  # who owns something of another tenant stays
                self._run(delete(User).where(User.id == user_id))

    def ensure_owners(self, tenant_id: str, emails: Collection[str], now: datetime) -> dict[str, int]:
        """User ids by the addresses as given. Unknown addresses become users of this tenant who cannot sign in yet.

        Known users get no membership: what stands in a file must not let somebody who can sign in into a tenant.
        """
        given = {email: _folded(email) for email in emails}
        known = self._ids(set(given.values()))
        new = {folded: email.strip() for email, folded in given.items() if folded not in known}
        rows = [_user_row(email, email.partition("@")[0], now) for email in new.values()]
        self._insert_missing(User, rows)
        known |= self._ids(new)
        memberships = [
            {"tenantId": tenant_id, "userId": known[folded], "role": Role.MEMBER, "createdAt": now, "updatedAt": now}
            for folded in new
        ]
        self._insert_missing(TenantUser, memberships)
        return {email: known[folded] for email, folded in given.items()}

    def unassigned_owner(self, tenant_id: str, now: datetime) -> int:
        """The tenant's user "Unassigned", who owns what nobody is named for and can never sign in."""
        email = f"unassigned@{tenant_id.lower()}{RESERVED_DOMAIN}"
        self._insert_missing(User, [_user_row(email, UNASSIGNED, now)])
        user_id = self._ids([email])[email]
        row = {"tenantId": tenant_id, "userId": user_id, "role": Role.VIEWER, "createdAt": now, "updatedAt": now}
        self._insert_missing(TenantUser, [row])
        return user_id

    def find_user(self, email: str) -> Person | None:
        return self._person(func.lower(User.email) == _folded(email))

    def get_user(self, user_id: int) -> Person | None:
        return self._person(User.id == user_id)

    def add_user(self, email: str, name: str, now: datetime) -> int:
        """The id of a new user, who has no password and no membership yet. `email` must be free."""
        self._run(self._insert(User), [_user_row(email.strip(), name, now)])
        return self._ids([_folded(email)])[_folded(email)]

    def password_state(self, user_id: int) -> PasswordState:
        """Raises NoResultFound for an unknown user."""
        row = self._run(
            select(
                User.password_hash.label("crm"),
                Credential.password_hash,
                Credential.epoch,
                Credential.disabled,
                Credential.issued_until,
            )
            .outerjoin(Credential, Credential.user_id == User.id)
            .where(User.id == user_id)
        ).one()
        return PasswordState(
            own_hash=_usable(row.password_hash),
            crm_hash=_usable(row.crm),
            epoch=row.epoch or 0,
            disabled=bool(row.disabled),
            issued_until=row.issued_until,
        )

    def set_password_hash(
        self, user_id: int, password_hash: str, now: datetime, *, issued_until: datetime | None
    ) -> None:
        """Our own hash; the CRM's column stays as it is. `issued_until`: how long one that was made up holds."""
        self._credential(user_id, now)
        values = {"password_hash": password_hash, "issued_until": issued_until, "updated_at": now}
        self._run(update(Credential).where(Credential.user_id == user_id).values(values))

    def set_disabled(self, user_id: int, disabled: bool, now: datetime) -> None:
        """A disabled user keeps everything but cannot sign in to any tenant."""
        self._credential(user_id, now)
        self._run(update(Credential).where(Credential.user_id == user_id).values(disabled=disabled, updated_at=now))

    def raise_epoch(self, user_id: int, now: datetime) -> None:
        """Ends every session of the user at its next look-up, and every ticket."""
        self._credential(user_id, now)
        self._run(
            update(Credential).where(Credential.user_id == user_id).values(epoch=Credential.epoch + 1, updated_at=now)
        )
        self.sign_ins.cancel_tickets(user_id)

    def memberships(self, user_id: int) -> list[Membership]:
        """The active tenants of a user, by name."""
        rows = self._run(
            select(*_TENANT_COLUMNS, TenantUser.role, MembershipScope.scope)
            .join(TenantUser, TenantUser.tenant_id == TenantRow.id)
            .outerjoin(
                MembershipScope,
                (MembershipScope.tenant_id == TenantUser.tenant_id) & (MembershipScope.user_id == TenantUser.user_id),
            )
            .where(TenantUser.user_id == user_id, TenantRow.status == "ACTIVE")
            .order_by(TenantRow.name, TenantRow.id)
        )
        return [
            Membership(tenant=_to_tenant(row), role=Role(row.role), scope="owned" if row.scope == "owned" else "all")
            for row in rows
        ]

    def members(self, tenant_id: str) -> list[Person]:
        """Who has a place in a tenant, by name; not the one who stands for nobody."""
        rows = self._run(
            select(User.id, User.email, User.name)
            .join(TenantUser, TenantUser.user_id == User.id)
            .where(TenantUser.tenant_id == tenant_id, User.email.not_like(f"%{RESERVED_DOMAIN}"))
            .order_by(User.name, User.id)
        )
        return [Person(id=row.id, email=row.email, name=row.name) for row in rows]

    def set_membership(self, tenant_id: str, user_id: int, role: Role, scope: AccountScope, now: datetime) -> None:
        """Adds the membership or changes its role and scope."""
        row = {"tenantId": tenant_id, "userId": user_id, "role": role, "createdAt": now, "updatedAt": now}
        self._insert_missing(TenantUser, [row])
        self._run(
            update(TenantUser)
            .where(TenantUser.tenant_id == tenant_id, TenantUser.user_id == user_id)
            .values(role=role, updated_at=now)
        )
        self._insert_missing(MembershipScope, [{"tenantId": tenant_id, "userId": user_id, "scope": scope}])
        self._run(
            update(MembershipScope)
            .where(MembershipScope.tenant_id == tenant_id, MembershipScope.user_id == user_id)
            .values(scope=scope)
        )

    def _tenant(self, condition: Any) -> Tenant | None:
        row = self._run(select(*_TENANT_COLUMNS).where(condition)).one_or_none()
        return _to_tenant(row) if row else None

    def _person(self, condition: Any) -> Person | None:
        row = self._run(select(User.id, User.email, User.name).where(condition).order_by(User.id).limit(1)).first()
        return Person(id=row.id, email=row.email, name=row.name) if row else None

    def _ids(self, folded: Collection[str]) -> dict[str, int]:
        """Lower-case address -> user id, of those that exist."""
        found: dict[str, int] = {}
        for chunk in _chunks(folded):
            address = func.lower(User.email).label("address")
            rows = self._run(select(User.id, address).where(address.in_(chunk)).order_by(User.id.desc()))
            found |= {row.address: row.id for row in rows}
        return found

    def _credential(self, user_id: int, now: datetime) -> None:
        row = {"userId": user_id, "passwordHash": NO_PASSWORD, "epoch": 0, "disabled": False, "updatedAt": now}
        self._insert_missing(Credential, [row])


_DEMO = "csMlDemo"  # a key of `Tenant.settings`
_TENANT_COLUMNS = (TenantRow.id, TenantRow.slug, TenantRow.name, TenantRow.status, TenantRow.settings)


def _to_tenant(row: Any) -> Tenant:
    demo = isinstance(row.settings, dict) and row.settings.get(_DEMO) is True
    return Tenant(id=row.id, slug=row.slug, name=row.name, active=row.status == "ACTIVE", demo=demo)


def _user_row(email: str, name: str, now: datetime) -> dict[str, Any]:
    return {
        "email": email,
        "name": name,
        "passwordHash": NO_PASSWORD,
        "timezone": "UTC",
        "createdAt": now,
        "updatedAt": now,
    }


def _folded(email: str) -> str:
    return email.strip().lower()


def _usable(password_hash: str | None) -> str | None:
    return None if password_hash in (None, NO_PASSWORD) else password_hash


def _chunks(values: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
