"""A database as a CRM leaves it: nothing but our own code keeps its tenants apart."""

from cs_ml.store.database import Database
from cs_ml.store.migrations import binding
from cs_ml.store.migrations.baseline import building
from cs_ml.store.migrations.baseline.words import METADATA


def unbind(database: Database) -> None:
    """From now on the database takes rows that point at another tenant's, as it does where the tables are a CRM's."""
    with database.engine.begin() as connection:
        binding.unbind(connection, METADATA, building.tables_made(connection))
