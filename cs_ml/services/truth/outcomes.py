"""Churn that people record: on the day that they name, undone as easily as done."""

from datetime import UTC, date, datetime, time

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid, NotFound
from cs_ml.domain.truth.outcomes import RecordedChurn
from cs_ml.services.clock import Clock
from cs_ml.services.truth.validation import judge
from cs_ml.store.accounts import AccountRepository
from cs_ml.store.database import Database
from cs_ml.store.learning.outcomes import OutcomeRepository

MAX_REASON = 500


class OutcomeService:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def mark_churned(self, actor: Actor, account_id: int, on: date, reason: str = "") -> None:
        """The account left on that day (UTC); predictions whose window holds it are judged at once.

        Raises NotFound, Forbidden, Invalid for a day to come, a reason too long, or a churn that is known already.
        """
        actor.require(Permission.RECORD)
        now, at = self._clock(), datetime.combine(on, time(), UTC)
        if at > now:
            raise Invalid("A customer cannot have left in the future.", fields={"on": "today or a day before"})
        if len(reason) > MAX_REASON:
            expected = f"at most {MAX_REASON} characters"
            raise Invalid(f"The reason must have {expected}.", fields={"reason": expected})
        with self._database.write(actor) as scope:
            if not OutcomeRepository(scope).record(account_id, at, reason.strip() or None, now):
                raise Invalid(
                    "It is already recorded that this customer left on that day.", fields={"on": "another day"}
                )
        self._judge(actor, now)

    def recorded(self, actor: Actor, account_id: int) -> RecordedChurn | None:
        """The churn that a person recorded last; None where there is none or no such account."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return OutcomeRepository(scope).newest_recorded(account_id)

    def take_back(self, actor: Actor, account_id: int, event_id: int) -> None:
        """Undoes `mark_churned`, and the judgements that rested on it. Raises NotFound, Forbidden."""
        actor.require(Permission.RECORD)
        now = self._clock()
        with self._database.write(actor) as scope:
            AccountRepository(scope).get(account_id)
            if not OutcomeRepository(scope).take_back(account_id, event_id, now):
                raise NotFound("There is no such record to take back.", code="RECORD_NOT_FOUND")
        self._judge(actor, now)

    def _judge(self, actor: Actor, now: datetime) -> None:
        """The outcomes are the tenant's, whatever accounts the actor sees."""
        with self._database.write(Actor.system(actor.tenant_id)) as scope:
            judge(scope, now)
