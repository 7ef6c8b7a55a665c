"""The one door to tenant-owned rows.

A `Scope` is a transaction bound to an actor. Every statement that goes through it gets the tenant filter on every
tenant-owned table, in subqueries and joins too; for an actor limited to owned accounts also the owner filter. The
session behind it refuses what did not come through the door, so a query without a tenant cannot be written.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Alias,
    BindParameter,
    ColumnClause,
    ColumnElement,
    CompoundSelect,
    Connection,
    Delete,
    Integer,
    Select,
    Table,
    Text,
    TextClause,
    Update,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Result
from sqlalchemy.orm import Session, with_loader_criteria
from sqlalchemy.sql import visitors

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import no_such_account
from cs_ml.store.bulk.statements import insert_sql, update_sql
from cs_ml.store.bulk.upserting import UpsertFrom
from cs_ml.store.identity import IdentityStore
from cs_ml.store.identity.door import PASSED, UnscopedStatement
from cs_ml.store.tables import (
    CTA,
    Account,
    CTATask,
    Pipeline,
    Playbook,
    PlaybookTask,
    SalesPipelineStage,
    TenantOwned,
)
from cs_ml.store.tables.base import AccountOwned, Base

AnySelect = Select[*tuple[Any, ...]]
Guardable = AnySelect | CompoundSelect[*tuple[Any, ...]] | Update | Delete

_TENANT: BindParameter[str] = bindparam("scope_tenant", type_=Text)
_USER: BindParameter[int] = bindparam("scope_user", type_=Integer)


def _ids_of(entity: Any, *conditions: ColumnElement[bool]) -> Any:
    """The ids of the tenant's rows of a table, for use inside a filter."""
    columns = entity.__table__.c
    return select(columns.id).where(columns.tenantId == _TENANT, *conditions)


_OWNED_ACCOUNTS = _ids_of(Account, Account.__table__.c.ownerId == _USER)
_TENANT_FILTER = with_loader_criteria(TenantOwned, lambda cls: cls.tenant_id == _TENANT, include_aliases=True)
_OWNED_FILTERS = (
    with_loader_criteria(Account, lambda cls: cls.owner_id == _USER, include_aliases=True),
    with_loader_criteria(AccountOwned, lambda cls: cls.account_id.in_(_OWNED_ACCOUNTS), include_aliases=True),
)
# Rows that have no tenant of their own follow their parent.
_STAGE_FILTER = with_loader_criteria(
    SalesPipelineStage, SalesPipelineStage.pipeline_id.in_(_ids_of(Pipeline)), include_aliases=True
)
_PLAYBOOK_TASK_FILTER = with_loader_criteria(
    PlaybookTask, PlaybookTask.playbook_id.in_(_ids_of(Playbook)), include_aliases=True
)
_TASK_FILTER = with_loader_criteria(CTATask, CTATask.cta_id.in_(_ids_of(CTA)), include_aliases=True)
_OWNED_TASK_FILTER = with_loader_criteria(
    CTATask, CTATask.cta_id.in_(_ids_of(CTA, CTA.__table__.c.accountId.in_(_OWNED_ACCOUNTS))), include_aliases=True
)
_GUARDED_CLASSES = (TenantOwned, SalesPipelineStage, PlaybookTask, CTATask)
_FILTERS = (_TENANT_FILTER, _STAGE_FILTER, _PLAYBOOK_TASK_FILTER)

_IN_LIST = 5_000  # values of one IN list; SQLite takes 32,766
_ACCOUNTS_NAMED = select(Account.id).where(Account.id.in_(bindparam("ids", expanding=True)))

# A statement that a module keeps is guarded once; SQLAlchemy then finds its compiled text by identity.
_guarded: WeakKeyDictionary[Any, dict[bool, Any]] = WeakKeyDictionary()


def _check(statement: Any) -> None:
    """The filters only find mapped classes: refuse what is not made of them."""
    if isinstance(statement, CompoundSelect):
        for part in statement.selects:
            _check(part)
        return
    if not isinstance(statement, Select | Update | Delete):
        raise UnscopedStatement(f"{type(statement).__name__} does not pass the tenant door")
    if isinstance(statement, Select) and not any(d.get("entity") for d in statement.column_descriptions):
        raise UnscopedStatement("select from mapped classes, not from tables: the filters need them")
    entities = set(_entities(statement))  # all of them: each is looked at
    if not any(issubclass(entity, _GUARDED_CLASSES) for entity in entities):
        raise UnscopedStatement("nothing in this statement is a tenant's; IdentityStore reads users and tenants")


def _entities(statement: Any) -> Iterator[type]:
    """The mapped classes that a statement names anywhere. Raises UnscopedStatement at a table or text beside them."""
    mapped: set[Any] = set()
    sources: set[Any] = set()
    for part in visitors.iterate(statement):
        entity = part._annotations.get("parententity")
        source = getattr(part, "table", None) if isinstance(part, ColumnClause) else part
        if isinstance(part, TextClause) or (isinstance(part, ColumnClause) and part.is_literal and part.name != "*"):
            raise UnscopedStatement("SQL as text does not pass the tenant door")
        if entity is not None:
            mapped |= {source, getattr(source, "element", source)}
            yield entity.mapper.class_
        elif isinstance(source, Table | Alias):
            if source is not part:
                raise UnscopedStatement(f"use the mapped class, not the table's column {part}: the filters need it")
            sources.add(source)
    if sources - mapped:
        raise UnscopedStatement("use mapped classes, not tables: the filters need them")


def _guard(statement: Any, *, owned: bool) -> Any:
    variants = _guarded.setdefault(statement, {})
    if owned not in variants:
        _check(statement)
        filters = (*_FILTERS, *_OWNED_FILTERS, _OWNED_TASK_FILTER) if owned else (*_FILTERS, _TASK_FILTER)
        guarded = _named(statement).options(*filters)
        variants[owned] = guarded.execution_options(**{PASSED: True}, synchronize_session=False)
    return variants[owned]


def _named(statement: Any) -> Any:
    """Rows of a connection are named after columns (`ownerId`), those of a session after attributes (`owner_id`)."""
    if not isinstance(statement, Select):
        return statement
    named = [described["expr"].label(described["name"]) for described in statement.column_descriptions]
    return statement.with_only_columns(*named, maintain_column_froms=True)


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
        guarded = _guard(statement, owned=self.actor.scope == "owned")
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
        guarded = _guard(chosen, owned=self.actor.scope == "owned").add_columns(_TENANT.label("tenant_id"))
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
