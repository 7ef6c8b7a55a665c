"""The lock of the tenant door: a session that refuses what came neither through a `Scope` nor from `IdentityStore`."""

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session

# The execution option of a statement that may pass. Only scope.py and identity.py set it.
PASSED = "cs_ml_passed_the_door"


class UnscopedStatement(Exception):
    """A programming error: a statement reached the session without passing the tenant door."""


def bind_door(session: Session) -> None:
    """Makes `session` refuse every statement that does not carry `PASSED`."""

    @event.listens_for(session, "do_orm_execute")
    def _refuse(state: ORMExecuteState) -> None:
        if not state.execution_options.get(PASSED):
            raise UnscopedStatement("use a Scope to reach tenant-owned rows")
