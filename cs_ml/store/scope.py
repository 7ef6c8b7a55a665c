"""The one door to tenant-owned rows.

A `Scope` is a transaction bound to an actor. Every statement that goes through it gets the tenant filter on every
tenant-owned table, in subqueries and joins too; for an actor limited to owned accounts also the owner filter. The
session behind it refuses what did not come through the door, so a query without a tenant cannot be written.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

from sqlalchemy import (
    Connection,
    Delete,
    Update,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Result
from sqlalchemy.orm import Session

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import no_such_account
from cs_ml.store.bulk.statements import insert_sql, update_sql
from cs_ml.store.bulk.upserting import UpsertFrom
from cs_ml.store.identity import IdentityStore
from cs_ml.store.identity.door import PASSED, UnscopedStatement
from cs_ml.store.identity.guard import TENANT, AnySelect, Guardable, guard
from cs_ml.store.tables import (
    Account,
    TenantOwned,
)
from cs_ml.store.tables.base import AccountOwned, Base

__all__ = ["AnySelect", "Guardable", "Scope"]

_IN_LIST = 5_000  # values of one IN list; SQLite takes 32,766
_ACCOUNTS_NAMED = select(Account.id).where(Account.id.in_(bindparam("ids", expanding=True)))


class Scope:
    """One transaction of one actor. Made by `Database.read` and `Database.write`, never kept longer than a use case."""

    def __init__(self, connection: Connection, actor: Actor, session: Callable[[], Session]) -> None:
        """`session` on this connection: made where it is needed, as most reads need none."""
        self._connection = connection
        self._open_session = session
        self.actor = actor
        self.dialect = connection.dialect.name

    @cached_property
    def _session(self) -> Session:
        return self._open_session()

    def identity(self) -> IdentityStore:
        """Users and tenants, which have no tenant filter, in this same transaction."""
        return IdentityStore(self._session)

    def execute(self, statement: Guardable, params: Mapping[str, Any] | None = None) -> Result[*tuple[Any, ...]]:
        """Runs a SELECT (or a union of them), UPDATE or DELETE on mapped classes, filtered to the actor's tenant
        (and accounts)."""
        bound = self._bound(params or {})
        guarded = guard(statement, owned=self.actor.scope == "owned")
        if isinstance(statement, Update | Delete):
            return self._session.execute(guarded, bound)
        # The connection compiles the same filters into it; a session would add a third to the time of a short SELECT.
        return self._connection.execute(guarded, bound)

    def _bound(self, params: Mapping[str, Any]) -> dict[str, Any]:
        user = {"scope_user": self.actor.user_id} if self.actor.scope == "owned" else {}
        return {**params, **user, "scope_tenant": self.actor.tenant_id}

    def insert(self, table: type[TenantOwned], rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds rows (column name -> value); the tenant is the actor's, whatever a row says.

        Raises NotFound for rows of an account that does not exist for the actor, as the other ways to add rows do.
        """
        self._require_accounts_of(table, rows)
        if rows:
            own = [{**row, "tenantId": self.actor.tenant_id} for row in rows]
            self._session.execute(insert(_table(table)), own, execution_options={PASSED: True})

    def insert_returning_ids(self, table: type[TenantOwned], rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Adds rows and answers their ids in the order of `rows`."""
        if not rows:
            return []
        self._require_accounts_of(table, rows)
        target = _table(table)
        result = self._session.execute(
            insert(target).returning(target.c.id, sort_by_parameter_order=True),
            [{**row, "tenantId": self.actor.tenant_id} for row in rows],
            execution_options={PASSED: True},
        )
        return list(result.scalars())

    def upsert(
        self, table: type[TenantOwned], row: Mapping[str, Any], *, key: Sequence[str], only_where: Any | None = None
    ) -> bool:
        """Inserts `row`, or overwrites the row with the same unique `key` (where `only_where` holds).

        True if a row was written. `key` names the columns of a unique constraint that includes tenantId.
        """
        return bool(self.upsert_each(table, [row], key=key, only_where=only_where))

    def upsert_each(
        self,
        table: type[TenantOwned],
        rows: Sequence[Mapping[str, Any]],
        *,
        key: Sequence[str],
        only_where: Any | None = None,
        answer: str = "tenantId",
    ) -> Sequence[Any]:
        """The same for rows of the same columns, one per key; of those that were written the column `answer`."""
        if "tenantId" not in key:
            raise UnscopedStatement("the key of an upsert must hold the tenant")
        if not rows:
            return []
        self._require_accounts_of(table, rows)
        target = _table(table)
        statement: Any = (postgresql if self.dialect == "postgresql" else sqlite).insert(target)
        statement = statement.on_conflict_do_update(
            index_elements=list(key),
            set_={name: statement.excluded[name] for name in rows[0] if name not in key},
            where=only_where,
        ).returning(target.c[answer])
        own = [{**row, "tenantId": self.actor.tenant_id} for row in rows]
        return list(self._session.execute(statement, own, execution_options={PASSED: True}).scalars())

    def upsert_from(
        self, table: type[TenantOwned], chosen: AnySelect, params: Mapping[str, Any], *, key: Sequence[str]
    ) -> None:
        """Inserts what is `chosen`, whose columns are named like attributes of the table, or overwrites the rows with
        the same unique `key`, without reading them. Both sides are the tenant's."""
        if "tenantId" not in key:
            raise UnscopedStatement("the key of an upsert must hold the tenant")
        guarded = guard(chosen, owned=self.actor.scope == "owned").add_columns(TENANT.label("tenant_id"))
        attributes: Any = table
        names = [getattr(attributes, name).property.columns[0].name for name in guarded.selected_columns.keys()]  # noqa: SIM118
        self._connection.execute(UpsertFrom(_table(table), names, key, guarded), self._bound(params))

    def insert_many(self, table: type[TenantOwned], columns: Mapping[str, Iterable[Any]]) -> None:
        """Adds rows given as columns, straight through the driver: the quick way for very many.

        Values are what the driver takes: instants `YYYY-MM-DD HH:MM:SS.mmm` in UTC, money and JSON as text. Endless
        columns (`itertools.repeat`) fill up, as long as one ends. The tenant is the actor's.
        """
        sql, order = insert_sql(_table(table), tuple(columns), self.dialect)
        rows = self._rows(order, columns)
        if "accountId" in order:
            self.require_accounts({row[order.index("accountId")] for row in rows})
        self._run_many(sql, rows)

    def update_many(self, table: type[TenantOwned], columns: Mapping[str, Iterable[Any]]) -> None:
        """Changes rows by the column `id`, values as for `insert_many`; rows of another tenant stay as they are."""
        sql, order = update_sql(_table(table), tuple(columns), self.dialect)
        self._run_many(sql, self._rows(order, columns))

    def _rows(self, order: Sequence[str], columns: Mapping[str, Iterable[Any]]) -> list[tuple[Any, ...]]:
        values: dict[str, Iterable[Any]] = {**columns, "tenantId": repeat(self.actor.tenant_id)}
        return list(zip(*(values[name] for name in order), strict=False))

    def _run_many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self._connection.exec_driver_sql(sql, rows)

    def analyze(self, table: type[TenantOwned]) -> None:
        """Lets the database look at what a table holds, after much of it has changed."""
        if self.dialect == "postgresql":
            self._connection.exec_driver_sql(f'ANALYZE "{_table(table).name}"')

    def require_accounts(self, ids: Iterable[int | None]) -> None:
        """Raises NotFound where one does not exist for the actor."""
        for part in _parts({key for key in ids if key is not None}):
            found = self.execute(_ACCOUNTS_NAMED, {"ids": part}).scalars()
            if len(set(found)) < len(part):
                raise no_such_account()

    def _require_accounts_of(self, table: type[TenantOwned], rows: Iterable[Mapping[str, Any]]) -> None:
        """The database refuses another tenant's account too, but not one that the actor does not own."""
        if issubclass(table, AccountOwned):
            self.require_accounts(row.get("accountId") for row in rows)

    def lock_tenant(self) -> None:
        """From here to the end of the transaction nobody else holds this lock. On SQLite a writer is alone anyway."""
        if self.dialect == "postgresql":
            self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(self.actor.tenant_id))))

    def lock(self, name: str, *, wait: bool) -> bool:
        """The same for one thing of the tenant's; False where another holds it and nobody waits."""
        if self.dialect != "postgresql":
            return True
        key = (func.hashtext(self.actor.tenant_id), func.hashtext(name))
        if not wait:
            return bool(self._connection.execute(select(func.pg_try_advisory_xact_lock(*key))).scalar())
        self._connection.execute(select(func.pg_advisory_xact_lock(*key)))
        return True

    def insert_children(
        self, table: type[Base], parent: type[TenantOwned], key: str, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Adds rows of a table without a tenant, whose column `key` names a row of `parent`: one of this tenant."""
        if rows:
            owners = {row[key] for row in rows}
            mapped: Any = parent
            if owners - set(self.execute(select(mapped.id).where(mapped.id.in_(owners))).scalars()):
                raise UnscopedStatement(f"{table.__name__} rows need a {parent.__name__} of this tenant")
            target: Any = table.__table__
            self._session.execute(insert(target), list(rows), execution_options={PASSED: True})


def _parts(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = list(ids)
    for start in range(0, len(ordered), _IN_LIST):
        yield ordered[start : start + _IN_LIST]


def _table(entity: type[TenantOwned]) -> Any:
    if not issubclass(entity, Base):
        raise UnscopedStatement(f"{entity.__name__} is no table")
    return entity.__table__
