"""Rows that point at rows of their own tenant alone: by the database itself, in every table that is ours."""

from alembic import op

from cs_ml.store.migrations import binding
from cs_ml.store.migrations.baseline import building
from cs_ml.store.migrations.baseline.words import METADATA

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    connection = op.get_bind()
    binding.bind(connection, METADATA, building.tables_made(connection))


def downgrade() -> None:
    connection = op.get_bind()
    binding.unbind(connection, METADATA, building.tables_made(connection))
