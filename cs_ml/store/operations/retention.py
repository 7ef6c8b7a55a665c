"""What has been kept long enough."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select

from cs_ml.store.scope import Scope
from cs_ml.store.tables import Account, ChurnEvent


class RetentionRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def count_left(self, before: datetime) -> int:
        """Customers that are gone and left before an instant."""
        counted = select(func.count(Account.id)).where(_left())
        return int(self._scope.execute(counted, {"before": before}).scalar_one())

    def left(self, before: datetime, limit: int) -> Sequence[int]:
        """Their ids, some of them."""
        found = select(Account.id).where(_left()).order_by(Account.id).limit(limit)
        return list(self._scope.execute(found, {"before": before}).scalars())


def _left() -> Any:
    """Who came back is no customer that left; of whom no date is known, the account's last change counts."""
    last: Any = (
        select(func.max(ChurnEvent.churned_at))
        .where(ChurnEvent.account_id == Account.id)
        .correlate(Account)
        .scalar_subquery()
    )
    gone = or_(Account.type == "CHURNED", Account.archived.is_(True))
    return and_(gone, func.coalesce(last, Account.updated_at) < bindparam("before"))
