"""Run by Alembic inside the connection and the transaction that `runner` opened."""

from alembic import context

from cs_ml.store.migrations.runner import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
