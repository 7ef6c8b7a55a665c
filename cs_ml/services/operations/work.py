"""What a worker does for a batch: each account is claimed, answered by the one prediction service, and ended once.

Jobs may come twice, late, or after a crash: only what holds the claim of an account ends it.
"""

from collections.abc import Collection, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import CsMlError, DatabaseAway, EngineUnavailable, NotFound
from cs_ml.domain.identity.audit import AuditEntry
from cs_ml.domain.jobs import (
    CHUNK,
    MOST_ATTEMPTS,
    MOST_WAITS,
    BatchRequest,
    Claim,
    Finished,
    Job,
    JobQueue,
    TaskName,
)
from cs_ml.domain.llm.overnight import OVERNIGHT
from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.predictions import Prediction, PredictionType
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.predicting.batches import BatchService
from cs_ml.services.predicting.predictions import PredictionService
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.operations.batches import BatchRepository
from cs_ml.store.operations.provider_batches import ProviderBatchRepository
from cs_ml.store.predictions import PredictionRepository

_LEASE = timedelta(seconds=5)  # longer than the claim of a prediction
_TURN = 50  # accounts of a run that share a priority: then those of another run have their turn
_QUIET = timedelta(minutes=5)  # a run in which nothing happened for so long has lost its jobs
_NEXT_LOOK = timedelta(minutes=2)
_OUTAGE = timedelta(seconds=10)  # after so long an account is tried again whose database went away


class BatchWork:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: JobQueue,
        predictions: PredictionService,
        batches: BatchService,
        *,
        group: int = 1,
        overnight: bool = False,
    ) -> None:
        """`group`: accounts of one job where a model is asked; `overnight`: whether its provider's Batch API may be."""
        self._database = database
        self._clock = clock
        self._queue = queue
        self._predictions = predictions
        self._batches = batches
        self._group = group
        self._overnight = overnight

    def spread(self, actor: Actor, run_id: str) -> None:
        """Sends the jobs of a run: where a model is asked one per account or small group, else one per CHUNK."""
        actor.require(Permission.PREDICT)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            batches = BatchRepository(scope)
            begun = batches.find_begun(run_id)
            left = batches.left(run_id) if begun else ()
            away = ProviderBatchRepository(scope).looks(run_id) if begun and begun[0].overnight else {}
            asked = ProviderBatchRepository(scope).asked(run_id, still=True) if away else frozenset()
            batches.spread(run_id, now)
        if begun is None:
            return
        self.send(actor, run_id, begun[0], [account_id for account_id in left if account_id not in asked])
        tenant = actor.tenant_id
        self._queue.submit(
            [
                Job(task="collect_overnight", tenant_id=tenant, subject=key, delay=max(at - now, timedelta(0)))
                for key, at in away.items()
            ]
        )
        self.close(actor, run_id)

    def send(self, actor: Actor, run_id: str, request: BatchRequest, account_ids: Sequence[int]) -> None:
        """The jobs for these accounts of a run, the most urgent first."""
        task, size = self._kind_of_job(actor, request)
        self._queue.submit(
            [
                Job(
                    task=task,
                    tenant_id=actor.tenant_id,
                    subject=run_id,
                    account_ids=tuple(account_ids[first : first + size]),
                    priority=-(first // max(size, _TURN)),
                )
                for first in range(0, len(account_ids), size)
            ]
        )

    def one_by_one(self, actor: Actor, run_id: str, request: BatchRequest, account_ids: Sequence[int]) -> None:
        """The ordinary way, for accounts of a run that was to be asked overnight."""
        self.send(actor, run_id, replace(request, overnight=False), account_ids)

    def _kind_of_job(self, actor: Actor, request: BatchRequest) -> tuple[TaskName, int]:
        """What is sent for a run, and for how many accounts each."""
        if request.type is not PredictionType.CHURN:
            return "predict", 1
        if not self._predictions.asks_a_model(actor):
            return "predict_chunk", CHUNK
        if request.overnight and self._overnight:
            return "ask_overnight", OVERNIGHT
        together = self._group > 1 and request.window_days == DEFAULT_WINDOW_DAYS
        return ("predict_group", self._group) if together else ("predict", 1)

    def predict(self, actor: Actor, run_id: str, account_id: int) -> None:
        """One account of a run. Does nothing where it is finished, and waits its turn where somebody is at it.

        Raises NotFound, after a note in the audit log, for an account that the tenant does not have.
        """
        actor.require(Permission.PREDICT)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            batches = BatchRepository(scope)
            claims = batches.claim(run_id, [account_id], now=now, until=now + self._predictions.claim_ttl + _LEASE)
            begun = batches.find_begun(run_id) if claims else None
            held_until = None if claims else batches.leased_until(run_id, account_id)
        if begun is not None:
            self._end(actor, claims[0], self._answer(actor, claims[0], *begun))
        elif held_until is not None:
            self._submit_again(actor, run_id, account_id, held_until - now)
        else:
            self.refuse_unknown(actor, run_id, [account_id])

    def predict_chunk(self, actor: Actor, run_id: str, account_ids: Sequence[int]) -> None:
        """Accounts of a run that one engine answers at once, without a model. Of others as `predict`."""
        actor.require(Permission.PREDICT)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            batches = BatchRepository(scope)
            claims = batches.claim(run_id, account_ids, now=now, until=now + self._predictions.claim_ttl + _LEASE)
            begun = batches.find_begun(run_id) if claims else None
            ids = [claim.account_id for claim in claims]
            refresh = begun is not None and begun[0].refresh
            valid = () if refresh else PredictionRepository(scope).valid_among(ids, PredictionType.CHURN, now)
        if begun is not None:
            self._answer_chunk(actor, claims, set(valid), begun[0], now)
        self.refuse_unknown(actor, run_id, set(account_ids) - set(ids))

    def _answer_chunk(
        self, actor: Actor, claims: Sequence[Claim], valid: Set[int], request: BatchRequest, now: datetime
    ) -> None:
        ids = [claim.account_id for claim in claims]
        new = {one.account_id: one for one in self._batches.compute(actor, [key for key in ids if key not in valid])}
        ends = {claim: _end_of_chunk(claim, valid, new) for claim in claims}
        with self._database.write(actor) as scope:
            batches, stored = BatchRepository(scope), PredictionRepository(scope)
            done = [claim.account_id for claim, end in ends.items() if batches.finish(claim, end, now)]
            fresh = [new[key] for key in done if key in new]
            stored.supersede([one.account_id for one in fresh], PredictionType.CHURN, request.window_days, now)
            stored.save_all(fresh, now)
        if fresh:
            self._batches.follow(actor, [one.account_id for one in fresh])
        self.close(actor, claims[0].run_id)

    def refuse_unknown(self, actor: Actor, run_id: str, account_ids: Collection[int]) -> None:
        """A job that names what is not its tenant's is an accident or worse: it fails, and somebody can see it."""
        try:
            with self._database.read(actor) as scope:
                scope.require_accounts(account_ids)
        except NotFound:
            entry = AuditEntry(
                at=milliseconds(self._clock()), action="job.refused", entity_type="BatchRun", entity_id=run_id
            )
            with self._database.write(actor) as scope:
                AuditRepository(scope).add([entry])
            raise

    def mend(self, actor: Actor, run_id: str) -> None:
        """Looks after a run until it ends: sends its jobs again where nothing happened for a while."""
        actor.require(Permission.PREDICT)
        now = milliseconds(self._clock())
        with self._database.read(actor) as scope:
            batches = BatchRepository(scope)
            if batches.find_begun(run_id) is None:
                return
            quiet = not batches.moved_since(run_id, now - _QUIET)
            never_sent = not batches.was_spread(run_id)
        if quiet or never_sent:
            self.spread(actor, run_id)
        self._queue.submit([Job(task="mend", tenant_id=actor.tenant_id, subject=run_id, delay=_NEXT_LOOK)])

    def _answer(self, actor: Actor, claim: Claim, request: BatchRequest, started_at: datetime) -> Finished | timedelta:
        """How the account ends, or after how long it is to be tried again."""
        if claim.attempt - claim.waits > MOST_ATTEMPTS:
            return Finished(error="GAVE_UP")
        try:
            found = self._predictions.predict(
                actor,
                claim.account_id,
                request.type,
                force_refresh=request.refresh and not self._made_since(actor, claim, request, started_at),
                window_days=request.window_days,
                origin="batch",
                patient=claim.waits < MOST_WAITS,
            )
        except EngineUnavailable as unavailable:
            return unavailable.retry_after or Finished(error=unavailable.code)
        except DatabaseAway:
            return _OUTAGE
        except CsMlError as error:
            return Finished(error=error.code)
        return ended(found, started_at)

    def _made_since(self, actor: Actor, claim: Claim, request: BatchRequest, started_at: datetime) -> bool:
        """Whether an earlier attempt got as far as storing its answer."""
        if claim.attempt == 1:
            return False
        found = self._predictions.list(actor, claim.account_id, request.type, include_expired=False)
        return any(one.predicted_at >= started_at and one.window_days == request.window_days for one in found)

    def _end(self, actor: Actor, claim: Claim, end: Finished | timedelta) -> None:
        with self._database.write(actor) as scope:
            batches = BatchRepository(scope)
            if isinstance(end, timedelta):
                batches.put_off(claim)
            else:
                batches.finish(claim, end, milliseconds(self._clock()))
            last = not batches.any_waiting(claim.run_id)
        if isinstance(end, timedelta):
            self._submit_again(actor, claim.run_id, claim.account_id, end)
        if last:
            self.close(actor, claim.run_id)

    def close(self, actor: Actor, run_id: str) -> None:
        """Ends the run if nothing is left, in a transaction of its own: two that end the last two accounts at once
        would not see each other's."""
        with self._database.write(actor) as scope:
            BatchRepository(scope).close(run_id, milliseconds(self._clock()))

    def _submit_again(self, actor: Actor, run_id: str, account_id: int, delay: timedelta) -> None:
        """Spread a little, so that those who were put off at once do not come back at once."""
        jitter = timedelta(milliseconds=account_id % 20 * 50)
        job = Job(
            task="predict", tenant_id=actor.tenant_id, subject=run_id, account_ids=(account_id,), delay=delay + jitter
        )
        self._queue.submit([job])


def ended(found: Prediction, started_at: datetime) -> Finished:
    """How an account of a run that began at `started_at` ended, by what is in force now."""
    source = found.provenance
    if source.fallback_reason:
        return Finished(outcome="fallback", prediction_id=found.id)
    if found.predicted_at < started_at or found.origin != "batch":
        return Finished(outcome="cached", prediction_id=found.id)
    asked = source.model is not None
    return Finished(
        outcome="computed",
        prediction_id=found.id,
        cost=source.cost if asked else None,
        cost_known=not asked or source.cost is not None,
    )


def _end_of_chunk(claim: Claim, valid: Set[int], new: dict[int, Prediction]) -> Finished:
    if claim.account_id in valid:
        return Finished(outcome="cached")
    return Finished(outcome="computed") if claim.account_id in new else Finished(error=NotFound.code)
