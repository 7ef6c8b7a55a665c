"""Who has which place in a tenant."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import ProgrammingError

from cs_ml.domain.actor import Role
from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.people import Member, Person
from cs_ml.store.identity.door import Keyholder
from cs_ml.store.tables import Credential, MembershipScope, SignInSession, TenantUser, User

# Stands in `User.passwordHash` (NOT NULL) where we keep the hash ourselves or nobody can sign in.
NO_PASSWORD = "!"  # noqa: S105
# Top-level domain that no mail reaches (RFC 2606).
RESERVED_DOMAIN = ".invalid"


class RosterStore(Keyholder):
    """Reached through `IdentityStore.roster`; never commits."""

    def list(self, tenant_id: str) -> Sequence[Member]:
        """Everybody but the one who stands for nobody, by name."""
        return [_to_member(row) for row in self._run(_members(tenant_id).order_by(User.name, User.id))]

    def find(self, tenant_id: str, user_id: int) -> Member | None:
        row = self._run(_members(tenant_id).where(User.id == user_id)).one_or_none()
        return _to_member(row) if row else None

    def names(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """Names by id, of those who still exist."""
        rows = self._run(select(User.id, User.name).where(User.id.in_(user_ids)))
        return {row.id: row.name for row in rows}

    def owners(self, tenant_id: str) -> int:
        """How many people own the tenant."""
        owners = select(func.count()).select_from(TenantUser)
        return int(self._run(owners.where(TenantUser.tenant_id == tenant_id, TenantUser.role == "OWNER")).scalar_one())

    def remove(self, tenant_id: str, user_id: int) -> None:
        """Takes the place away, and the browsers' choice of it. The user, and what the user owns, stays.

        Raises Invalid beside a CRM, whose people are not ours to remove.
        """
        try:
            for table in (SignInSession, MembershipScope, TenantUser):
                self._run(delete(table).where(table.tenant_id == tenant_id, table.user_id == user_id))
        except ProgrammingError as error:
            raise Invalid("This database is a CRM's: remove the person there.", code="NOT_PERMITTED") from error


def _members(tenant_id: str) -> Any:
    return (
        select(
            User.id,
            User.email,
            User.name,
            User.password_hash.label("crm"),
            TenantUser.role,
            MembershipScope.scope,
            Credential.password_hash,
            Credential.disabled,
            Credential.issued_until,
        )
        .join(TenantUser, TenantUser.user_id == User.id)
        .outerjoin(Credential, Credential.user_id == User.id)
        .outerjoin(
            MembershipScope,
            (MembershipScope.tenant_id == TenantUser.tenant_id) & (MembershipScope.user_id == TenantUser.user_id),
        )
        .where(TenantUser.tenant_id == tenant_id, User.email.not_like(f"%{RESERVED_DOMAIN}"))
    )


def _to_member(row: Any) -> Member:
    hashes = {row.crm, row.password_hash} - {None, NO_PASSWORD}
    return Member(
        person=Person(id=row.id, email=row.email, name=row.name),
        role=Role(row.role),
        scope="owned" if row.scope == "owned" else "all",
        able=bool(hashes) and not row.disabled,
        issued_until=row.issued_until,
    )
