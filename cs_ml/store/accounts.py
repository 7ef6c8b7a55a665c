"""Accounts by id, imported reference or name."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, case, cast, func, select

from cs_ml.domain.errors import NotFound, no_such_account
from cs_ml.domain.health.timeline import AccountHit
from cs_ml.domain.llm.entities import KnownNames, NamedAccount, NamedPerson
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import Account, ChurnEvent, CRMActivity, CRMContact, ExternalRef

MAX_ID = 2**31 - 1

# Planned or cancelled is no engagement.
NO_ENGAGEMENT = ("PLANNED", "CANCELLED", "NO_SHOW")


def is_live() -> ColumnElement[bool]:
    """Customers that are still there."""
    return Account.archived.is_(False) & (Account.type != "CHURNED")


def happened_at() -> ColumnElement[Any]:
    """When an activity happened: completed, else scheduled, else created; an index has the same expression."""
    return func.coalesce(CRMActivity.completed_at, CRMActivity.scheduled_at, CRMActivity.created_at)


def stated_number(name: str, dialect: str) -> ColumnElement[Any]:
    """A number in an activity's details; NULL where a CRM keeps something else under that name."""
    value = CRMActivity.details[name]
    if dialect == "postgresql":
        return case((func.jsonb_typeof(value) == "number", value.as_float()))
    return case((func.json_type(CRMActivity.details, f"$.{name}").in_(("integer", "real")), value.as_float()))


def day_of(at: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """The UTC day of an instant, for counting distinct ones."""
    return func.date_trunc("day", at) if dialect == "postgresql" else func.substr(cast(at, Text), 1, 10)


class AccountRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def find(self, account: str | int) -> int | None:
        """The id of an account named by its id or by the reference it was imported under; a reference wins."""
        text = str(account)
        if not _can_be_asked(text):
            return None
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))
        number = int(text) if digits and int(text) <= MAX_ID else -1
        return self._scope.execute(_find(), {"ref": text, "id": number}).scalar()

    def get(self, account: str | int) -> int:
        """Like `find`; raises NotFound, with the same words whether it never existed or belongs to somebody else."""
        found = self.find(account)
        if found is None:
            raise not_found()
        return found

    def list_ids(self, *, after: int = 0, limit: int = 1000) -> list[int]:
        """Ids of all accounts in order, a page at a time; archived ones too, since that has no history."""
        return list(self._scope.execute(_ids(), {"after": after, "limit": limit}).scalars())

    def references(self) -> Mapping[str, int]:
        """The id of every account that was imported, by its reference."""
        return {row.ref: row.target_id for row in self._scope.execute(_references())}

    def left(self, account_ids: Sequence[int], as_of: datetime) -> Mapping[int, datetime]:
        """Of these accounts, those that had left by `as_of`, and when they last did."""
        rows = self._scope.execute(_left(), {"ids": list(account_ids), "as_of": as_of})
        return {row.account_id: row.churned_at for row in rows}

    def search(self, words: str, *, limit: int) -> Sequence[AccountHit]:
        """Live accounts whose name holds `words` (all for none) or whose reference is `words`; names that begin so
        come first."""
        if not _can_be_asked(words):
            return []
        params = {"words": words, "holds": f"%{_literally(words)}%", "begins": f"{_literally(words)}%", "limit": limit}
        rows = self._scope.execute(_search(), params)
        return [AccountHit(id=row.id, name=row.name, reference=row.reference) for row in rows]

    def names_version(self) -> str:
        """Changes whenever `names` may answer something else: a row came, went, or says that it was updated."""
        return " ".join(
            f"{row.rows} {row.ids} {row.newest}" for row in map(self._only, (_named(Account), _named(CRMContact)))
        )

    def names(self) -> KnownNames:
        """Every account and contact that exists for the actor, with their addresses, archived ones too."""
        version = self.names_version()
        accounts = [
            NamedAccount(id=row.id, name=row.name, phones=_stated(row.phone), sites=_stated(row.website))
            for row in self._scope.execute(_account_names())
        ]
        people = [
            NamedPerson(
                id=row.id,
                first_name=row.first_name,
                last_name=row.last_name,
                emails=_stated(row.email),
                phones=_stated(row.phone, row.mobile),
            )
            for row in self._scope.execute(_contact_names())
        ]
        return KnownNames(version=version, accounts=accounts, people=people)

    def _only(self, statement: AnySelect) -> Any:
        return self._scope.execute(statement).one()


def _stated(*texts: str | None) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def not_found() -> NotFound:
    """What every look-up of an account raises."""
    return no_such_account()


def _can_be_asked(text: str) -> bool:
    """PostgreSQL stores no NUL, and neither database half a surrogate pair: an error, not an empty answer."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


@cache
def _find() -> AnySelect:
    by_ref = select(ExternalRef.target_id).where(ExternalRef.kind == "account", ExternalRef.ref == bindparam("ref"))
    by_id = Account.id == bindparam("id")
    return select(Account.id).where(by_id | Account.id.in_(by_ref)).order_by(by_id).limit(1)


@cache
def _ids() -> AnySelect:
    return select(Account.id).where(Account.id > bindparam("after")).order_by(Account.id).limit(bindparam("limit"))


@cache
def _references() -> AnySelect:
    return select(ExternalRef.ref, ExternalRef.target_id).where(ExternalRef.kind == "account")


@cache
def _left() -> AnySelect:
    return (
        select(ChurnEvent.account_id, func.max(ChurnEvent.churned_at).label("churned_at"))
        .where(ChurnEvent.account_id.in_(bindparam("ids", expanding=True)), ChurnEvent.churned_at <= bindparam("as_of"))
        .group_by(ChurnEvent.account_id)
    )


def _literally(words: str) -> str:
    """For LIKE with the escape character of `_search`."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@cache
def _search() -> AnySelect:
    references = select(ExternalRef.target_id).where(
        ExternalRef.kind == "account", ExternalRef.ref == bindparam("words")
    )
    reference = (
        select(func.min(ExternalRef.ref))
        .where(ExternalRef.kind == "account", ExternalRef.target_id == Account.id)
        .correlate(Account)
        .scalar_subquery()
    )
    begins = Account.name.ilike(bindparam("begins"), escape="\\")
    return (
        select(Account.id, Account.name, reference.label("reference"))
        .where(
            Account.archived.is_(False),
            Account.name.ilike(bindparam("holds"), escape="\\") | Account.id.in_(references),
        )
        .order_by(case((begins, 0), else_=1), Account.name, Account.id)
        .limit(bindparam("limit"))
    )


@cache
def _named(entity: type[Account | CRMContact]) -> AnySelect:
    return select(
        func.count(entity.id).label("rows"),
        func.sum(entity.id).label("ids"),
        func.max(entity.updated_at).label("newest"),
    )


@cache
def _account_names() -> AnySelect:
    return select(Account.id, Account.name, Account.phone, Account.website).order_by(Account.id)


@cache
def _contact_names() -> AnySelect:
    contact = CRMContact
    return select(
        contact.id, contact.first_name, contact.last_name, contact.email, contact.phone, contact.mobile
    ).order_by(contact.id)
