"""Who uses the product: tenants, people, and what ties them together."""

from dataclasses import dataclass
from datetime import datetime

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
class Proven:
    """Somebody who has proven who they are. `issued_until`: by an issued password, which opens nothing but the choice
    of another until then."""

    person: Person
    issued_until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """What a user may do in one tenant, and with which of its accounts."""

    tenant: Tenant
    role: Role
    scope: AccountScope


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A person's place in a tenant. `able`: has a password and is not switched off. `issued_until`: how long that
    password holds where it was made up."""

    person: Person
    role: Role
    scope: AccountScope
    able: bool
    issued_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PasswordState:
    """What can prove that a user is who they say.

    `own_hash` is ours; `crm_hash` that of an adopted CRM, which counts only while we have none. `epoch` rises
    with every change that must end the user's sessions: password, role, scope, switching off. `issued_until`: how
    long a password that was made up holds; None for one that somebody chose.
    """

    own_hash: str | None
    crm_hash: str | None
    epoch: int
    disabled: bool
    issued_until: datetime | None

    def has_run_out(self, now: datetime) -> bool:
        """Whether the password was an issued one and nobody chose another in time."""
        return self.issued_until is not None and now >= self.issued_until

    @property
    def hash(self) -> str | None:
        """The hash to check a password against; None where the user has no way to sign in."""
        return None if self.disabled else self.own_hash or self.crm_hash
