"""Column types that read and write the same values on PostgreSQL and SQLite."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import JSON, ColumnElement, Dialect, Enum, Integer, Numeric, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

Json = JSON().with_variant(JSONB(), "postgresql")
# Missing is NULL, not JSON's null: for columns that are asked whether they hold anything.
JsonOrNull = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
TextList = JSON().with_variant(ARRAY(Text), "postgresql")


def labels(name: str, *values: str) -> Enum:
    """A native PostgreSQL enum type, text on SQLite."""
    return Enum(*values, name=name, create_constraint=False, validate_strings=True)


class _SqliteColumn(UserDefinedType[Any]):
    """Gives SQLite's DDL a telling type name; values pass through."""

    cache_ok = True

    def __init__(self, spec: str) -> None:
        self.spec = spec

    def get_col_spec(self, **_: Any) -> str:
        return self.spec


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python; `timestamp(3)` without zone on PostgreSQL, sortable ISO text on SQLite.

    Truncated to milliseconds on the way in. A naive value is refused.
    """

    impl = TIMESTAMP
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_SqliteColumn("DATETIME"))
        return TIMESTAMP(timezone=False, precision=3)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone cannot be stored")
        value = value.astimezone(UTC).replace(tzinfo=None)
        if dialect.name == "sqlite":
            return value.isoformat(sep=" ", timespec="milliseconds")
        return value.replace(microsecond=value.microsecond // 1000 * 1000)

    def result_processor(self, dialect: Dialect, _coltype: object) -> Any:
        """Plain functions, not `process_result_value`: a page has hundreds of instants."""
        return _aware_text if dialect.name == "sqlite" else _aware


def _aware(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=UTC)


def _aware_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


class Money(TypeDecorator[Decimal]):
    """Decimal in Python, `numeric(precision, scale)` in both databases; rounded half even on the way in."""

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int = 15, scale: int = 2) -> None:
        super().__init__(precision, scale)
        self.precision, self.scale = precision, scale

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_SqliteColumn(f"NUMERIC({self.precision}, {self.scale})"))
        return dialect.type_descriptor(Numeric(self.precision, self.scale))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        value = Decimal(value).quantize(Decimal(1).scaleb(-self.scale), rounding=ROUND_HALF_EVEN)
        return str(value) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, _coltype: object) -> Any:
        """PostgreSQL's driver answers decimals itself."""
        return self._decimal if dialect.name == "sqlite" else None

    def _decimal(self, value: Any) -> Decimal | None:
        return None if value is None else Decimal(f"{value:.{self.scale}f}")


class Constant(ColumnElement[Any]):
    """A value of the code, never a user's, written into the statement.

    PostgreSQL keeps plans of statements that say enough. `type <> $1` it takes for no row where all are of one type,
    and then sorts a tenant to show a page; and SQLAlchemy's own lists and limits are parameters.
    """

    __visit_name__ = "constant"
    _traverse_internals = (("value", InternalTraversal.dp_plain_obj), ("type", InternalTraversal.dp_type))  # type: ignore[assignment]

    def __init__(self, value: Any, type_: TypeEngine[Any]) -> None:
        self.value = value
        self.type = type_


@compiles(Constant)
def _written(element: Constant, compiler: SQLCompiler, **_words: Any) -> str:
    return compiler.render_literal_value(element.value, element.type)


def first(number: int) -> Constant:
    """For LIMIT."""
    return Constant(number, Integer())


def one_of(column: Any, *values: str | int) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.in_([Constant(value, column.type) for value in values])
    return found


class _Among(FunctionElement[Any]):
    """Of no type: beside a boolean one SQLAlchemy writes "= 1" on SQLite, and no index is used any more."""

    inherit_cache = True


def among(column: Any, name: str) -> ColumnElement[Any]:
    """Whether `column` is one of the ids in the parameter `name`, a list.

    On PostgreSQL an array: one text whatever its length, so that the plan is kept and nothing is rendered anew. SQLite
    has no arrays, and plans a list of values better than a table of them.
    """
    return _Among(column, bindparam(name, expanding=True))


@compiles(_Among)
def _in_list(element: _Among, compiler: SQLCompiler, **words: Any) -> str:
    column, ids = element.clauses
    return compiler.process(column.in_(ids), **words)


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: SQLCompiler, **words: Any) -> str:
    column, ids = element.clauses
    array = bindparam(ids.key, type_=ARRAY(Integer))
    return f"{compiler.process(column, **words)} = ANY({compiler.process(array, **words)})"
