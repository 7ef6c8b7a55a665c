"""Bulk reads and writes of the import.

Rows travel as columns of stored text (see `Scope.insert_many`): column name of the table -> values.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, delete, func, select
from sqlalchemy.orm import class_mapper

from cs_ml.store.bulk.stored_text import decoder, encoder, instant_text, text_instant
from cs_ml.store.scope import AnySelect, Scope
from cs_ml.store.tables import (
    AccountHealthScoreHistory,
    BandDay,
    ExternalRef,
    HealthReference,
    Pipeline,
    SalesPipelineStage,
    TenantOwned,
    TenantReference,
)

_PART = 5_000  # rows of one fetch
_IN_LIST = 1_000  # values of one IN list

Columns = Mapping[str, Sequence[Any]]


class ImportStore:
    """One import's way to the tables."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def rows(
        self, entity: type[TenantOwned], names: Sequence[str], where: Mapping[str, str]
    ) -> Iterator[list[list[Any]]]:
        """The tenant's rows whose columns have the values `where`, streamed as parts: the columns `names` as text."""
        equal = [_attribute(entity, name) == value for name, value in where.items()]
        statement = select(*(_attribute(entity, name) for name in names)).where(*equal)
        return self._parts(statement, [encoder(_column(entity, name)) for name in names])

    def referenced(
        self, entity: type[TenantOwned], kind: str, names: Sequence[str]
    ) -> Iterator[tuple[list[str], list[list[Any]]]]:
        """The same for rows that an import knows by reference: (references, columns). A reference whose row was
        deleted has None in all columns."""
        identifier = _attribute(entity, "id")
        statement = (
            select(ExternalRef.ref, *(_attribute(entity, name) for name in names))
            .select_from(ExternalRef)
            .outerjoin(entity, identifier == ExternalRef.target_id)
            .where(ExternalRef.kind == kind)
        )
        for refs, *columns in self._parts(statement, [list, *(encoder(_column(entity, name)) for name in names)]):
            yield refs, columns

    def _parts(self, statement: AnySelect, encoders: Sequence[Callable[..., Any]]) -> Iterator[list[list[Any]]]:
        result = self._scope.execute(statement.execution_options(yield_per=_PART))
        for part in result.partitions():
            columns = zip(*part, strict=True)
            yield [encode(column) for encode, column in zip(encoders, columns, strict=True)]

    def insert(self, entity: type[TenantOwned], columns: Mapping[str, Iterable[Any]]) -> None:
        self._scope.insert_many(entity, columns)

    def update(self, entity: type[TenantOwned], columns: Mapping[str, Iterable[Any]]) -> None:
        """`columns` hold `id`."""
        self._scope.update_many(entity, columns)

    def insert_referenced(
        self, entity: type[TenantOwned], kind: str, refs: Sequence[str], columns: Columns
    ) -> list[int]:
        """Adds rows and what an import calls them; their ids in order."""
        decoded = {name: decoder(_column(entity, name))(values) for name, values in columns.items()}
        rows = [dict(zip(decoded, row, strict=True)) for row in zip(*decoded.values(), strict=True)]
        ids = self._scope.insert_returning_ids(entity, rows)
        named = {"kind": [kind] * len(ids), "ref": refs, "targetId": ids}
        self._scope.insert_many(ExternalRef, named)
        return ids

    def forget(self, kind: str, refs: Sequence[str]) -> None:
        """Removes references whose rows are gone."""
        for start in range(0, len(refs), _IN_LIST):
            chunk = refs[start : start + _IN_LIST]
            self._scope.execute(delete(ExternalRef).where(ExternalRef.kind == kind, ExternalRef.ref.in_(chunk)))

    def earliest(self, entity: type[TenantOwned], name: str, ids: Sequence[int]) -> str | None:
        """The lowest value of an instant among the rows `ids`."""
        at = _attribute(entity, name)
        lowest = []
        for start in range(0, len(ids), _IN_LIST):
            mine = _attribute(entity, "id").in_(ids[start : start + _IN_LIST])
            lowest.append(self._scope.execute(select(at).where(mine).order_by(at).limit(1)).scalar())
        known = [instant_text(value) for value in lowest if value is not None]
        return min(known, default=None)

    def newest_health(self) -> dict[int, str]:
        """Account id -> the date of its newest health score."""
        return {account_id: instant_text(at) for account_id, at in self._scope.execute(_newest_health())}

    def drop_references(self, since: str) -> None:
        """Removes what was worked out from the tenant's rows for days on or after `since`: it is when asked for."""
        at = text_instant(since)
        self._scope.execute(delete(TenantReference).where(TenantReference.as_of >= at))
        self._scope.execute(delete(HealthReference).where(HealthReference.as_of >= at))
        self._scope.execute(delete(BandDay).where(BandDay.day >= at.date()))

    def find_pipeline(self, name: str) -> int | None:
        statement = select(Pipeline.id).where(Pipeline.name == name).order_by(Pipeline.id).limit(1)
        return self._scope.execute(statement).scalar()

    def add_pipeline(self, name: str, now: datetime) -> int:
        """The tenant's default one, unless it has one already."""
        default = self._scope.execute(select(Pipeline.id).where(Pipeline.is_default).limit(1)).scalar()
        row = {"name": name, "isDefault": default is None, "isActive": True, "createdAt": now, "updatedAt": now}
        return self._scope.insert_returning_ids(Pipeline, [row])[0]

    def stages(self, pipeline_id: int) -> dict[str, int]:
        """Stage name -> id."""
        statement = (
            select(SalesPipelineStage.name, SalesPipelineStage.id)
            .join(Pipeline, Pipeline.id == SalesPipelineStage.pipeline_id)
            .where(Pipeline.id == pipeline_id)
            .order_by(SalesPipelineStage.id.desc())
        )
        return {row.name: row.id for row in self._scope.execute(statement)}

    def add_stages(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._scope.insert_children(SalesPipelineStage, Pipeline, "pipelineId", rows)


@cache
def _newest_health() -> AnySelect:
    point = AccountHealthScoreHistory
    return select(point.account_id, func.max(point.calculated_at)).group_by(point.account_id)


def _column(entity: type[TenantOwned], name: str) -> Column[Any]:
    return class_mapper(entity).local_table.c[name]  # type: ignore[return-value]


def _attribute(entity: type[TenantOwned], name: str) -> Any:
    """The mapped attribute of a column: statements of attributes pass the tenant door."""
    mapper = class_mapper(entity)
    return getattr(entity, mapper.get_property_by_column(_column(entity, name)).key)
