"""Who uses the product: tenants, people, and what ties them together."""

from dataclasses import dataclass

from cs_ml.domain.actor import AccountScope, Role

# The name of a tenant's user who owns what nobody is named for, and can never sign in.
UNASSIGNED = "Unassigned"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """A company that uses the product. `slug` is its name on the command line and in links.

    `active` is False for a tenant that was suspended, cancelled or not yet opened: nobody can work in it.
    `demo`: its customers are made up.
    """

    id: str
    slug: str
    name: str
    active: bool
    demo: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A user, in whatever tenants."""

    id: int
    email: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """What a user may do in one tenant, and with which of its accounts."""

    tenant: Tenant
    role: Role
    scope: AccountScope


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A person's place in a tenant. `able`: has a password and is not switched off."""

    person: Person
    role: Role
    scope: AccountScope
    able: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PasswordState:
    """What can prove that a user is who they say.

    `own_hash` is ours; `crm_hash` that of an adopted CRM, which counts only while we have none. `epoch` rises
    with every change that must end the user's sessions: password, role, scope, switching off.
    """

    own_hash: str | None
    crm_hash: str | None
    epoch: int
    disabled: bool

    @property
    def hash(self) -> str | None:
        """The hash to check a password against; None where the user has no way to sign in."""
        return None if self.disabled else self.own_hash or self.crm_hash
