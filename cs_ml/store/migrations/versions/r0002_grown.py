"""What a database lacks that an earlier clone made: tables and nullable columns; nothing where 0001 made them all."""

from alembic import op

from cs_ml.store.migrations.baseline import building, guarding

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    connection = op.get_bind()
    present = building.all_tables(connection)
    created = building.create_tables(connection, present)
    building.add_columns(connection, present)
    if connection.dialect.name == "postgresql":
        guarding.guard(connection, created)


def downgrade() -> None:
    """Nothing: 0001 takes back all that was added."""
