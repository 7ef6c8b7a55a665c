"""What migrations keep about themselves."""

from sqlalchemy import Column, Table, Text

from cs_ml.store.tables.base import Base

# What the product's migrations added: tables, types and columns. All else was there before and is not ours to change.
# `kind`: table, type or column; `table` is empty unless the addition is a column.
schema_addition = Table(
    "SchemaAddition",
    Base.metadata,
    Column("kind", Text, primary_key=True),
    Column("table", Text, primary_key=True),
    Column("name", Text, primary_key=True),
)
