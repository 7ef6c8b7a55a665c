"""Who acts: every service call takes an `Actor`; without one no tenant-owned row can be reached."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from cs_ml.domain.errors import Forbidden

AccountScope = Literal["all", "owned"]
Source = Literal["app", "command line", "product"]


class Role(StrEnum):
    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"


class Permission(StrEnum):
    READ = "read"
    PREDICT = "predict"
    WORK = "work on CTAs"
    RECORD = "record what happened"
    IMPORT = "import data"
    MANAGE_TENANT = "manage the tenant"


_GRANTS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission),
    Role.MEMBER: frozenset({Permission.READ, Permission.PREDICT, Permission.RECORD, Permission.WORK}),
    Role.VIEWER: frozenset({Permission.READ}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """A user inside one tenant, or the product itself (`user_id` None, see `system`).

    `scope` "owned" limits the actor to accounts that the user owns; all others do not exist for them. `source`: where
    it acts from, for the audit.
    """

    tenant_id: str
    role: Role
    user_id: int | None = None
    scope: AccountScope = "all"
    source: Source = "app"

    @classmethod
    def system(cls, tenant_id: str) -> "Actor":
        """The product acting for a tenant: workers, imports from the command line."""
        return cls(tenant_id=tenant_id, role=Role.OWNER, source="product")

    def may(self, permission: Permission) -> bool:
        return permission in _GRANTS[self.role]

    def require(self, permission: Permission) -> None:
        """Raises Forbidden where the role does not grant `permission`."""
        if not self.may(permission):
            raise Forbidden(
                f"Your role ({self.role.lower()}) may not {permission}. Ask an administrator of this tenant."
            )
