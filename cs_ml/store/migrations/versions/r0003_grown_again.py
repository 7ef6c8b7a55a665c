"""What a database lacks that 0002 left behind: the tables and nullable columns that came after it."""

from alembic import op

from cs_ml.store.migrations.baseline import building, guarding

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    connection = op.get_bind()
    present = building.all_tables(connection)
    created = building.create_tables(connection, present)
    building.add_columns(connection, present)
    if connection.dialect.name == "postgresql":
        guarding.guard(connection, created)


def downgrade() -> None:
    """Nothing: 0001 takes back all that was added."""
