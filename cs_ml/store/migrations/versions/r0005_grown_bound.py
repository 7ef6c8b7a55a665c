"""What a database lacks that 0004 left behind: tables and nullable columns that came later, bound like the rest."""

from alembic import op

from cs_ml.store.migrations import binding
from cs_ml.store.migrations.baseline import building, guarding
from cs_ml.store.migrations.baseline.words import METADATA

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    connection = op.get_bind()
    present = building.all_tables(connection)
    created = building.create_tables(connection, present)
    building.add_columns(connection, present)
    if connection.dialect.name == "postgresql":
        guarding.guard(connection, created)
    binding.bind(connection, METADATA, [table.name for table in created])


def downgrade() -> None:
    """Nothing: 0001 takes back all that was added."""
