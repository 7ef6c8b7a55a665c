"""Run by Alembic inside the connection and the transaction that `runner` opened."""

from alembic import context

from cs_ml.store.migrations.runner import VERSION_TABLE
from cs_ml.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    target_metadata=Base.metadata,  # what the revisions are compared with
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
