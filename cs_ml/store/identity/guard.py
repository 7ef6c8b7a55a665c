"""The filters of the tenant door: every statement that passes gets the tenant's on every tenant-owned table, in
subqueries and joins too, and for an actor limited to owned accounts the owner's. What they cannot find is refused."""

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Alias,
    BindParameter,
    ColumnClause,
    ColumnElement,
    CompoundSelect,
    Delete,
    Integer,
    Select,
    Table,
    Text,
    TextClause,
    Update,
    bindparam,
    select,
)
from sqlalchemy.orm import with_loader_criteria
from sqlalchemy.sql import visitors

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
from cs_ml.store.tables.base import AccountOwned

AnySelect = Select[*tuple[Any, ...]]
Guardable = AnySelect | CompoundSelect[*tuple[Any, ...]] | Update | Delete

TENANT: BindParameter[str] = bindparam("scope_tenant", type_=Text)
_USER: BindParameter[int] = bindparam("scope_user", type_=Integer)


def _ids_of(entity: Any, *conditions: ColumnElement[bool]) -> Any:
    """The ids of the tenant's rows of a table, for use inside a filter."""
    columns = entity.__table__.c
    return select(columns.id).where(columns.tenantId == TENANT, *conditions)


_OWNED_ACCOUNTS = _ids_of(Account, Account.__table__.c.ownerId == _USER)
_TENANT_FILTER = with_loader_criteria(TenantOwned, lambda cls: cls.tenant_id == TENANT, include_aliases=True)
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


def guard(statement: Any, *, owned: bool) -> Any:
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
