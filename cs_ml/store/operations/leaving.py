"""Taking out what belongs to one account or one tenant: all of it, from every table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import class_mapper

from cs_ml.domain.errors import Invalid
from cs_ml.store.scope import Scope
from cs_ml.store.tables import (
    CTA,
    Account,
    AIUsageEvent,
    Base,
    CRMContact,
    CTATask,
    ExternalRef,
    Opportunity,
    PlaybookTask,
    SalesPipelineStage,
    TenantOwned,
)

_REFERENCED: Mapping[str, Any] = {"contact": CRMContact, "cta": CTA, "opportunity": Opportunity}
_CHILDREN = (SalesPipelineStage, PlaybookTask, CTATask)  # rows whose tenant is their parent's
_PART = 1_000


class LeavingRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def purge(self, account_id: int) -> bool:
        """Removes an account with every row of it; False where there is none.

        What the model's calls about it cost stays in the books, without saying about whom.
        """
        for kind, entity in _REFERENCED.items():
            ids = select(entity.id).where(entity.account_id == account_id)
            self._run(delete(ExternalRef).where(ExternalRef.kind == kind, ExternalRef.target_id.in_(ids)))
        self._run(delete(ExternalRef).where(ExternalRef.kind == "account", ExternalRef.target_id == account_id))
        asked = (AIUsageEvent.entity_type == "Account") & (AIUsageEvent.entity_id == str(account_id))
        self._run(update(AIUsageEvent).where(asked).values(entity_type=None, entity_id=None))
        return bool(self._run(delete(Account).where(Account.id == account_id)).rowcount)

    def count(self) -> Mapping[str, int]:
        """Rows of the tenant by table."""
        return {
            entity.__tablename__: int(self._scope.execute(select(func.count(_key(entity)))).scalar_one())
            for entity in _entities()
        }

    def rows(self) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
        """Every row of the tenant: a table's name and a part of its rows, column name -> value, as of one moment."""
        for entity in _entities():
            columns = [attribute.class_attribute for attribute in class_mapper(entity).column_attrs]
            names = [column.property.columns[0].name for column in columns]
            found = self._scope.execute(select(*columns).order_by(_key(entity)))
            for part in found.partitions(_PART):
                yield entity.__tablename__, [dict(zip(names, row, strict=True)) for row in part]

    def delete_all(self, kept: Sequence[str]) -> Mapping[str, int]:
        """Removes every row of the tenant but those of the tables `kept`; answers how many, by table."""
        return {
            entity.__tablename__: self._run(delete(entity)).rowcount
            for entity in reversed(_entities())
            if entity.__tablename__ not in kept
        }

    def _run(self, statement: Any) -> Any:
        try:
            return self._scope.execute(statement)
        except ProgrammingError as error:
            raise Invalid(
                "The database does not let this role remove these rows. In an adopted CRM an account is deleted there; "
                "a tenant is deleted with the rights of CS_ML_OWNER_DATABASE_URL.",
                code="NOT_PERMITTED",
            ) from error


def _entities() -> list[Any]:
    """The mapped classes with a tenant's rows, parents first."""
    mapped = {mapper.local_table: mapper.class_ for mapper in Base.registry.mappers}
    found = [mapped[table] for table in Base.metadata.sorted_tables if table in mapped]
    return [entity for entity in found if issubclass(entity, TenantOwned) or entity in _CHILDREN]


def _key(entity: Any) -> Any:
    """An attribute of the primary key that tells rows apart within a tenant, or begins to."""
    table: Table = entity.__table__
    last = list(table.primary_key.columns)[-1]
    return class_mapper(entity).get_property_by_column(last).class_attribute
