"""Who may become an actor: before the tenant door, without a tenant filter. Nothing else of the store is."""

from cs_ml.store.identity.people import IdentityStore
from cs_ml.store.identity.roster import NO_PASSWORD, RESERVED_DOMAIN, RosterStore
from cs_ml.store.identity.sign_ins import SignInStore

__all__ = ["NO_PASSWORD", "RESERVED_DOMAIN", "IdentityStore", "RosterStore", "SignInStore"]
