"""Batches as people know them: what one would do, start it, watch it, stop it, and try again what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import ceil
from uuid import uuid4

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import Invalid, NotFound, RateLimited
from cs_ml.domain.jobs import (
    HIGH_VALUE_SHARE,
    BatchCounts,
    BatchFilter,
    BatchPlan,
    BatchRequest,
    BatchRun,
    Job,
    JobQueue,
)
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.portfolio import AT_RISK, PortfolioQuery, Sort
from cs_ml.domain.predictions import PredictionType
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.portfolio import PortfolioService
from cs_ml.services.predicting.limits import TenantDay
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.services.predicting.scoring import PredictionRequest
from cs_ml.store.database import Database
from cs_ml.store.operations.batches import BatchRepository
from cs_ml.store.operations.provider_batches import ProviderBatchRepository
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.predictions import PredictionRepository
from cs_ml.store.scope import Scope

_MEASURED = timedelta(days=30)  # calls that tell what the next ones will cost
_FIRST_LOOK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class BatchLimit:
    """Batches a day that people start; what schedules start does not count."""

    per_day: int

    def left(self, scope: Scope, day: TenantDay) -> int:
        """`scope` sees the whole tenant."""
        own = day.settings.limit_batches_per_day
        started = BatchRepository(scope).count_started_since(day.begins)
        return max((self.per_day if own is None else own) - started, 0)


class BatchRunService:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: JobQueue,
        portfolio: PortfolioService,
        predictions: PredictionService,
        *,
        batch_limit: BatchLimit,
        lanes: int = 1,
        overnight: bool = False,
    ) -> None:
        """`lanes`: accounts that are worked on at once, for telling how long a batch takes. `overnight`: whether the
        provider's Batch API may be used."""
        self._database = database
        self._clock = clock
        self._queue = queue
        self._portfolio = portfolio
        self._predictions = predictions
        self._limit = batch_limit
        self._lanes = lanes
        self._overnight = overnight

    def may_wait(self, actor: Actor) -> bool:
        """Whether a batch of the actor's can be asked overnight."""
        return self._overnight and self._predictions.overnight.serves(actor)

    def plan(self, actor: Actor, request: BatchRequest) -> BatchPlan:
        """What `start` would do now. Raises Invalid, Forbidden."""
        self._check(actor, request)
        ids, now = self._chosen(actor, request), self._clock()
        asks_a_model = self._predictions.asks_a_model(actor)
        with self._database.read(Actor.system(actor.tenant_id)) as scope:
            valid = () if request.refresh else PredictionRepository(scope).valid_among(ids, request.type, now)
            day = TenantDay.of(scope, now)
            left = self._limit.left(scope, day)
            usual = UsageRepository(scope).usual(now - _MEASURED, now) if asks_a_model else {}
        compute = len(ids) - len(valid)
        cost, seconds = self._per_call(usual, overnight=request.overnight) if asks_a_model else (Decimal(0), 0.0)
        return BatchPlan(
            accounts=len(ids),
            compute=compute,
            cost=None if cost is None else compute * cost,
            duration=None if seconds is None else timedelta(seconds=seconds * ceil(compute / self._lanes)),
            left_today=left,
            resets_at=day.resets,
        )

    def start(
        self,
        actor: Actor,
        request: BatchRequest,
        *,
        key: str | None = None,
        account_ids: Sequence[int] | None = None,
    ) -> BatchRun:
        """Begins a batch; workers do it. The same batch asked for again while it runs is the same run; a `key` that a
        schedule gives stays the same run for ever. `account_ids`: these, instead of those that the request matches.

        Raises Forbidden, NotFound, Invalid where nothing matches, RateLimited.
        """
        actor.require(Permission.PREDICT)
        self._check(actor, request)
        ids = self._chosen(actor, request) if account_ids is None else self._known(actor, account_ids)
        if not ids:
            raise Invalid("No account matches, so there is nothing to predict.", code="NOTHING_TO_DO")
        now = milliseconds(self._clock())
        run = BatchRun(
            id=uuid4().hex,
            request=request,
            state="running",
            counts=BatchCounts(total=len(ids)),
            errors={},
            user_id=actor.user_id,
            started_at=now,
            finished_at=None,
        )
        # Should this process die after the commit, this job finds the run; should it die before, it finds nothing.
        self._queue.submit([Job(task="mend", tenant_id=actor.tenant_id, subject=run.id, delay=_FIRST_LOOK)])
        known = self._add(actor, run, key or _signature(actor, request), ids, scheduled=key is not None)
        if known is not None:
            return known
        self._spread(actor, run.id)
        return run

    def get(self, actor: Actor, run_id: str) -> BatchRun:
        """How far a run is. Raises NotFound; another person's run does not exist for whom may not manage the tenant."""
        actor.require(Permission.READ)
        with self._database.read(actor) as scope:
            found = BatchRepository(scope).get(run_id)
        if found.user_id != actor.user_id and not actor.may(Permission.MANAGE_TENANT):
            raise NotFound("There is no such batch.", code="BATCH_NOT_FOUND")
        return found

    def list(self, actor: Actor, limit: int = 20) -> Sequence[BatchRun]:
        """The newest runs: the tenant's for whom manages it, else one's own."""
        actor.require(Permission.READ)
        own = None if actor.may(Permission.MANAGE_TENANT) else actor.user_id
        with self._database.read(actor) as scope:
            return BatchRepository(scope).list(limit, user_id=own)

    def cancel(self, actor: Actor, run_id: str) -> BatchRun:
        """Begins no further account; what is under way is finished and kept. Raises NotFound, Forbidden."""
        actor.require(Permission.PREDICT)
        self.get(actor, run_id)
        everyone, now = Actor.system(actor.tenant_id), milliseconds(self._clock())
        with self._database.write(everyone) as scope:
            BatchRepository(scope).cancel(run_id)
            waiting = ProviderBatchRepository(scope).hurry(run_id, now)
        tenant = actor.tenant_id
        self._queue.submit([Job(task="collect_overnight", tenant_id=tenant, subject=key) for key in waiting])
        with self._database.write(everyone) as scope:
            BatchRepository(scope).close(run_id, now)
        return self.get(actor, run_id)

    def retry_failed(self, actor: Actor, run_id: str) -> BatchRun:
        """Tries the failed accounts again, in the same run. Raises NotFound, Forbidden, Invalid where none failed."""
        return self._again(actor, run_id, "failed")

    def resume(self, actor: Actor, run_id: str) -> BatchRun:
        """Goes on with a cancelled run. Raises NotFound, Forbidden, Invalid where nothing was cancelled."""
        return self._again(actor, run_id, "cancelled")

    def unfinished(self, actor: Actor) -> Sequence[str]:
        """Ids of the tenant's runs under way."""
        actor.require(Permission.MANAGE_TENANT)
        with self._database.read(actor) as scope:
            return BatchRepository(scope).unfinished()

    def _per_call(
        self, usual: Mapping[bool, tuple[Decimal, float]], *, overnight: bool
    ) -> tuple[Decimal | None, float | None]:
        """US dollars and seconds of a call, from calls of its own kind, else by the price of the other kind."""
        share = self._predictions.overnight.price_share
        at_once, waited = usual.get(True), usual.get(False)
        if overnight:
            return (waited[0] if waited else at_once[0] * share if at_once else None), None
        if at_once is not None:
            return at_once
        return (waited[0] / share if waited else None), None

    def _check(self, actor: Actor, request: BatchRequest) -> None:
        """Whether it can be asked for in this way. Raises Invalid, Forbidden."""
        actor.require(Permission.PREDICT)
        if not request.overnight:
            return
        if request.type is not PredictionType.CHURN or request.window_days != DEFAULT_WINDOW_DAYS:
            raise Invalid("Only churn within the usual window can be asked overnight.", code="NOT_OVERNIGHT")
        if not self._overnight:
            raise Invalid("Nothing is asked overnight here: CS_ML_LLM_BATCH_API is off.", code="NOT_OVERNIGHT")
        if not self.may_wait(actor):
            raise Invalid("No language model answers here, so there is nothing to ask overnight.", code="NOT_OVERNIGHT")

    def _chosen(self, actor: Actor, request: BatchRequest) -> Sequence[int]:
        """Accounts of the actor, the most urgent first."""
        actor.require(Permission.PREDICT)
        PredictionRequest(account_id=0, type=request.type, window_days=request.window_days)  # raises Invalid
        if request.most is not None and request.most < 1:
            raise Invalid("A batch has at least one account.", fields={"max": "1 or more"})
        match request.filter:
            case BatchFilter.AT_RISK:
                return self._portfolio.pick(actor, PortfolioQuery(bands=frozenset(AT_RISK)), request.most)
            case BatchFilter.HIGH_VALUE:
                ids = self._portfolio.pick(actor, PortfolioQuery(sort=Sort.ARR), None)
                return ids[: ceil(len(ids) * HIGH_VALUE_SHARE)][: request.most]
            case BatchFilter.ALL:
                return self._portfolio.pick(actor, PortfolioQuery(), request.most)

    def _add(self, actor: Actor, run: BatchRun, key: str, ids: Sequence[int], *, scheduled: bool) -> BatchRun | None:
        """Stores the run; answers the one that has the key already. Raises RateLimited."""
        with self._database.write(Actor.system(actor.tenant_id)) as scope:
            scope.lock_tenant()
            batches = BatchRepository(scope)
            known = batches.find_key(key)
            if known is not None:
                return known
            day = TenantDay.of(scope, run.started_at)
            if not scheduled and self._limit.left(scope, day) < 1:
                raise RateLimited(
                    f"All batches of today are used up. The limit resets at {day.resets:%Y-%m-%d %H:%M} UTC.",
                    retry_after=day.resets - run.started_at,
                )
            batches.add(run, key, scheduled=scheduled)
            batches.add_items(run.id, ids)
        return None

    def _known(self, actor: Actor, account_ids: Sequence[int]) -> Sequence[int]:
        with self._database.read(actor) as scope:
            scope.require_accounts(account_ids)
        return account_ids

    def _again(self, actor: Actor, run_id: str, state: str) -> BatchRun:
        actor.require(Permission.PREDICT)
        self.get(actor, run_id)
        with self._database.write(Actor.system(actor.tenant_id)) as scope:
            if not BatchRepository(scope).reopen(run_id, [state]):
                raise Invalid(f"No account of this batch is {state}.", code="NOTHING_TO_DO")
        self._spread(actor, run_id)
        return self.get(actor, run_id)

    def _spread(self, actor: Actor, run_id: str) -> None:
        self._queue.submit([Job(task="spread", tenant_id=actor.tenant_id, subject=run_id, priority=1)])


def _signature(actor: Actor, request: BatchRequest) -> str:
    """What makes two starts the same: the request, and whose accounts are meant."""
    whose = f"user-{actor.user_id}" if actor.scope == "owned" else "all"
    parts = (whose, request.type, request.window_days, request.filter, request.most or "", request.refresh)
    when = ("overnight",) if request.overnight else ()
    return ":".join(str(part) for part in (*parts, *when))
