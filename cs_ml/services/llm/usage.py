"""What a tenant's calls of the language model may cost, did cost, and how they went."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import DatabaseAway, EngineUnavailable
from cs_ml.domain.identity.tenant_settings import read_settings
from cs_ml.domain.llm.usage import Attempt, Fault, Operation, UsageSum
from cs_ml.services.clock import Clock
from cs_ml.services.llm.outage import with_patience
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.scope import Scope

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Booking:
    """A call under way. `reserve` is to be told before it what it may cost, `attempts` are to be set after it."""

    reserve: Callable[[Decimal | None], object]
    attempts: Sequence[Attempt] = field(default=())


class UsageService:
    def __init__(self, database: Database, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> None:
        self._database = database
        self._clock = clock
        self._sleep = sleep

    def reserve(self, actor: Actor, operation: Operation, model: str, expected: Decimal | None) -> str | None:
        """Before a call: its place in the month's budget, to be given to `settle`; None for a tenant without a budget.

        `expected` in US dollars, not less than the call will cost; None where that is unknown. The month is that of the
        tenant's zone. Raises EngineUnavailable where the budget has no room, or cannot be kept as no price is known.
        """
        with self._database.write(actor) as scope:
            return reserve(scope, operation, model, expected, self._clock())

    def settle(
        self, actor: Actor, attempts: Sequence[Attempt], *, account_id: int | None, reservation: str | None
    ) -> None:
        """After a call, failed or not: its attempts go into the books, in the place of what was reserved.

        Where the database is away they go into the log, as the answer is worth more than its bill; a reservation stays,
        and goes on counting.
        """
        if not attempts and reservation is None:
            return

        def write() -> None:
            with self._database.write(actor) as scope:
                usage = UsageRepository(scope)
                if reservation is not None:
                    usage.release(reservation)
                usage.save(attempts, account_id)

        try:
            with_patience(write, self._sleep)
        except DatabaseAway:
            for attempt in attempts:
                _log.error(
                    "a call of the model %s of %d tokens could not be booked, cost %s USD",
                    attempt.model,
                    attempt.usage.total,
                    attempt.cost,
                )

    @contextmanager
    def booked(self, actor: Actor, operation: Operation, model: str, account_id: int | None) -> Iterator[Booking]:
        """Settles at the end what was reserved and tried within, also where no model could answer."""
        reservation: str | None = None

        def reserve(expected: Decimal | None) -> None:
            nonlocal reservation
            reservation = self.reserve(actor, operation, model, expected)

        booking = Booking(reserve)
        try:
            yield booking
        except EngineUnavailable as unavailable:
            booking.attempts = unavailable.attempts
            raise
        finally:
            self.settle(actor, booking.attempts, account_id=account_id, reservation=reservation)

    def sums(self, actor: Actor, since: datetime, until: datetime) -> Sequence[UsageSum]:
        """The tenant's attempts by UTC day, model and operation, from `since` up to and without `until`."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            return UsageRepository(scope).sums(since, until)


def reserve(scope: Scope, operation: Operation, model: str, expected: Decimal | None, now: datetime) -> str | None:
    """As `UsageService.reserve`, within the caller's transaction; where it raises, nothing was written."""
    usage = UsageRepository(scope)
    usage.lock_budget()
    settings = read_settings(TenantSettingRepository(scope).list())
    budget = settings.llm_budget_usd_month
    if budget is None:
        return None
    if expected is None:
        raise EngineUnavailable(
            f"There is a monthly budget, but no price for the model {model}. Name a file in CS_ML_LLM_PRICES.",
            reason=Fault.BUDGET,
        )
    if usage.spent_since(_month_of(now, ZoneInfo(settings.zone))) + expected > budget:
        raise EngineUnavailable(
            f"The monthly budget of {budget} USD for the model is used up. It starts anew on the first of the"
            " next month; an administrator can raise it (llm_budget_usd_month).",
            reason=Fault.BUDGET,
        )
    return usage.reserve(operation, model, expected, now)


def _month_of(now: datetime, zone: ZoneInfo) -> datetime:
    """When the month began at the tenant's, in UTC."""
    local = now.astimezone(zone)
    return datetime(local.year, local.month, 1, tzinfo=zone).astimezone(UTC)
