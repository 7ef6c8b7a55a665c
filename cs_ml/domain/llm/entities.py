"""Who and what a tenant knows by name: what must not be told to a model."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedAccount:
    """`phones` and `sites` as they stand in the CRM."""

    id: int
    name: str
    phones: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedPerson:
    id: int
    first_name: str
    last_name: str
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownNames:
    """All accounts and contacts of one tenant. `version` changes when any of them does."""

    version: str
    accounts: Sequence[NamedAccount]
    people: Sequence[NamedPerson]
