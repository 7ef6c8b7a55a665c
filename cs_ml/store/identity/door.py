"""The lock of the tenant door: a session that refuses what came neither through a `Scope` nor from this package."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Result
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker

# The execution option of a statement that may pass. Only store/scope.py and this package set it.
PASSED = "cs_ml_passed_the_door"


class UnscopedStatement(Exception):
    """A programming error: a statement reached the session without passing the tenant door."""


def bind_door(session: Session | sessionmaker[Session]) -> None:
    """Makes `session`, or all that are made, refuse every statement that does not carry `PASSED`."""

    @event.listens_for(session, "do_orm_execute")
    def _refuse(state: ORMExecuteState) -> None:
        if not state.execution_options.get(PASSED):
            raise UnscopedStatement("use a Scope to reach tenant-owned rows")


class Keyholder:
    """Base of the repositories of this package: their statements pass the door without a tenant."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._dialect = session.get_bind().dialect.name

    def _run(self, statement: Any, rows: Sequence[dict[str, Any]] | None = None) -> Result[*tuple[Any, ...]]:
        options = {PASSED: True, "synchronize_session": False}
        return self._session.execute(statement, rows, execution_options=options)

    def _insert(self, entity: Any) -> Any:
        """An INSERT that can do something else on a conflict. On the table, so that no tenant filter is missed."""
        make = postgresql.insert if self._dialect == "postgresql" else sqlite.insert
        return make(entity.__table__)

    def _insert_missing(self, entity: Any, rows: Sequence[dict[str, Any]]) -> None:
        """Rows that a unique key already holds are left as they are."""
        if rows:
            self._run(self._insert(entity).on_conflict_do_nothing(), list(rows))
