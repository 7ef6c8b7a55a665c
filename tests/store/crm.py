"""A CRM's database as it is before the product comes, and roles that work in it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from cs_ml.store.database import Database
from tests.support.databases import postgres_database
from tests.support.postgres import PostgresServer

FIXTURES = Path(__file__).parent / "fixtures"


@contextmanager
def crm_database(server: PostgresServer, more: str = "") -> Iterator[Database]:
    with postgres_database(server) as url:
        database = Database(url)
        script(database, (FIXTURES / "crm_schema.sql").read_text(encoding="utf-8") + more)
        yield database
        database.close()


def script(database: Database, statements: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(statements)


@contextmanager
def role(owner: Database, grants: Callable[[str], Sequence[str]]) -> Iterator[Database]:
    """`owner`'s database as a new role sees it that has `grants` and no more."""
    name = f"cs_ml_{uuid4().hex}"
    script(owner, f"CREATE ROLE {name} LOGIN PASSWORD 'made up'")
    for statement in grants(name):
        script(owner, statement)
    url = make_url(owner.engine.url).set(username=name, password="made up")
    database = Database(url.render_as_string(hide_password=False))
    try:
        yield database
    finally:
        database.close()
        script(owner, f"DROP OWNED BY {name}; DROP ROLE {name}")
