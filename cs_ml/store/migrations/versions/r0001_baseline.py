"""Everything that is missing: all of it in an empty database, our own part beside the tables of a CRM."""

from alembic import op

from cs_ml.store.migrations.baseline import building, guarding

revision = "0001"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    present = building.tables_present(connection)
    building.create_notes(connection)
    building.create_types(connection)
    created = building.create_tables(connection, present)
    building.add_columns(connection, present)
    if "Account" in present:
        building.note_churned_accounts(connection)
    if connection.dialect.name == "postgresql":
        guarding.guard(connection, created)


def downgrade() -> None:
    building.remove_additions(op.get_bind())
