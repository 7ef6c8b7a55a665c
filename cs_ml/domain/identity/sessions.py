"""A browser that is signed in."""

from dataclasses import dataclass
from datetime import datetime

from cs_ml.domain.actor import Actor
from cs_ml.domain.identity.people import Membership, Person


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSession:
    """`epoch`: the user's at sign-in. `tenant_id`: the tenant chosen last, None before any choice. `issued_until`: good
    for nothing but the choice of a password, until then."""

    user_id: int
    tenant_id: str | None
    epoch: int
    last_seen_at: datetime
    expires_at: datetime
    issued_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenSession:
    """A browser that a user is signed in with; nothing that would open it."""

    epoch: int
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Vouched:
    """What a company's identity provider says of who uses a browser. `proof` differs from one sign-in to the next."""

    email: str
    verified: bool
    proof: str
    issued_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """Who uses this browser, in which tenant. `memberships`: the tenants to choose from, by name; never empty.

    `place` is the chosen one and `actor` follows from it.
    """

    person: Person
    memberships: tuple[Membership, ...]
    place: Membership

    @property
    def actor(self) -> Actor:
        return Actor(
            tenant_id=self.place.tenant.id, user_id=self.person.id, role=self.place.role, scope=self.place.scope
        )
