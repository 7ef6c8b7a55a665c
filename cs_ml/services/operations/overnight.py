"""What a worker does for a batch that is asked overnight: some accounts become one batch at the model's provider, and
looks after it follow until it is over.

The row of such a batch is written before the provider is told, and the provider keeps its key: after a crash it is
found there. What the provider gave no answer for that can be used goes the ordinary way, at once.
"""

import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import EngineUnavailable, NotFound
from cs_ml.domain.jobs import BatchRequest, Claim, Finished, Job, JobQueue
from cs_ml.domain.llm.overnight import WAITED, Entry, ProviderAway, ProviderBatch, ProviderRefuses
from cs_ml.domain.llm.usage import Fault
from cs_ml.llm.traffic.overnight import Overnight
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.llm.chain import OPERATION
from cs_ml.services.llm.usage import reserve
from cs_ml.services.operations.collecting import Collecting, claim_of
from cs_ml.services.operations.work import BatchWork
from cs_ml.services.predicting.after import After
from cs_ml.services.predicting.overnight import Night, OvernightService
from cs_ml.store.database import Database
from cs_ml.store.operations.batches import BatchRepository
from cs_ml.store.operations.provider_batches import ProviderBatchRepository
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.scope import Scope

_LEASE = timedelta(minutes=10)  # for reading what is known of some accounts, which takes seconds
_SENDING = timedelta(minutes=5)  # longer than an upload and a call may take together
_LOOKING = timedelta(minutes=10)  # longer than two downloads and a call
_GRACE = timedelta(hours=1)  # after the promised day: to cancel, and to read what was answered
_AWAY = timedelta(minutes=5)
_MOST_TRIES = 12  # of an account at a provider that is away
_CANCELLING = timedelta(seconds=10)
_PAUSES = ((timedelta(minutes=10), timedelta(minutes=1)), (timedelta(hours=1), timedelta(minutes=5)))
_LONGEST_PAUSE = timedelta(minutes=10)

_log = logging.getLogger(__name__)


class OvernightWork:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: JobQueue,
        nights: OvernightService,
        work: BatchWork,
        *,
        after: After,
    ) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue
        self._nights = nights
        self._work = work
        self._collecting = Collecting(database, clock, nights, work, after=after)

    def ask(self, actor: Actor, run_id: str, account_ids: Sequence[int]) -> None:
        """Asks about those of the accounts that nobody is at, as one batch at the provider. Those that were asked about
        overnight before, or whose attempt ended in a crash, go the ordinary way. Raises NotFound as single jobs do."""
        actor.require(Permission.PREDICT)
        now = milliseconds(self._clock())
        until = now + _LEASE
        with self._database.write(actor) as scope:
            batches = BatchRepository(scope)
            claims = batches.claim(run_id, account_ids, now=now, until=until)
            begun = batches.find_begun(run_id) if claims else None
            asked = ProviderBatchRepository(scope).asked(run_id) if claims else frozenset()
            apart = [one for one in claims if one.account_id in asked or _had_bad_luck(one)]
            _put_off(batches, apart)
        if begun is not None:
            self._work.one_by_one(actor, run_id, begun[0], [one.account_id for one in apart])
            self._ask(actor, run_id, begun[0], [one for one in claims if one not in apart], until)
        self._work.refuse_unknown(actor, run_id, set(account_ids) - {one.account_id for one in claims})

    def collect(self, actor: Actor, batch_key: str) -> None:
        """Looks what became of a batch, and takes what was answered; comes again as long as it is under way. Does
        nothing where it is not time yet, or another look is under way."""
        actor.require(Permission.PREDICT)
        now, again = milliseconds(self._clock()), None
        with self._database.write(actor) as scope:
            batch = ProviderBatchRepository(scope).take_look(batch_key, now, now + _LOOKING)
            running = batch is not None and BatchRepository(scope).is_running(batch.run_id)
        if batch is None:
            return
        try:
            again = self._look(actor, batch, now, running=running)
        except ProviderAway as away:
            _log.warning("the provider's batches cannot be reached: %s", away.fault)
            if now < batch.wait_until + _GRACE:
                again = _AWAY
            else:
                self._collecting.give_up(actor, batch, away.fault)
        except ProviderRefuses as refused:
            self._collecting.give_up(actor, batch, refused.fault)
        if again is not None:
            self._look_again(actor, batch.key, now + again, again)

    def _ask(self, actor: Actor, run_id: str, request: BatchRequest, claims: Sequence[Claim], until: datetime) -> None:
        if not claims:
            self._work.close(actor, run_id)
            return
        night = self._nights.write(actor, [claim.account_id for claim in claims], refresh=request.refresh)
        provider, key = self._nights.provider, secrets.token_hex(16)
        # Should this process die from here on, this job finds what became of it.
        self._queue.submit([_job(actor, key, _SENDING)])
        with self._database.write(actor) as scope:
            batch = self._add(scope, key, claims, night, until) if provider else None
            if batch is None:
                _put_off(BatchRepository(scope), claims)  # those that have an end keep it
        if batch is not None and provider is not None:
            self._send(actor, provider, batch, night)
        else:
            left = [one.account_id for one in claims if not night.serves or one.account_id in night.questions]
            self._work.one_by_one(actor, run_id, request, left)
        self._work.close(actor, run_id)

    def _add(
        self, scope: Scope, key: str, claims: Sequence[Claim], night: Night, until: datetime
    ) -> ProviderBatch | None:
        """Ends what need not be asked about, and writes down the rest; None where nothing is to be sent."""
        batches, now = BatchRepository(scope), milliseconds(self._clock())
        if not night.serves:
            return None
        for claim in claims:
            if claim.account_id not in night.questions:
                valid = claim.account_id in night.valid
                batches.finish(claim, Finished(outcome="cached") if valid else Finished(error=NotFound.code), now)
        run_id = claims[0].run_id
        held = batches.held(run_id, [*night.questions])
        asked = [one for one in claims if one.account_id in night.questions and held.get(one.account_id) == one.attempt]
        model = self._nights.provider.model if self._nights.provider else ""
        if not asked or not batches.is_running(run_id):
            return None
        ids = [claim.account_id for claim in asked]
        try:
            reservation = reserve(scope, OPERATION, model, night.expected(ids), now)
        except EngineUnavailable as unavailable:
            _log.warning("%d accounts are not asked overnight: %s", len(ids), unavailable.reason)
            return None
        batch = ProviderBatch(
            key=key,
            run_id=run_id,
            model=model,
            state="submitting",
            entries=[_entry(claim, night) for claim in asked],
            done=0,
            submitted_at=night.at,
            wait_until=night.at + WAITED,
            reservation=reservation,
        )
        ProviderBatchRepository(scope).add(batch, now + _SENDING)
        batches.renew(run_id, ids, held_until=until, until=batch.wait_until + 2 * _GRACE)
        return batch

    def _send(self, actor: Actor, provider: Overnight, batch: ProviderBatch, night: Night) -> None:
        """Whatever is not known for sure after it, a later look finds out."""
        try:
            try:
                file = provider.upload([night.questions[entry.account_id].body for entry in batch.entries])
            except ProviderAway as away:
                self._ask_anew(actor, batch, away.fault)
                return
            with self._database.write(actor) as scope:
                ProviderBatchRepository(scope).note_file(batch.key, file)
            batch = replace(batch, files=(file,))
            found = provider.create(file, batch.key)
        except ProviderAway as away:
            _log.warning("whether the provider took a batch is not known yet: %s", away.fault)
        except ProviderRefuses as refused:
            self._collecting.give_up(actor, batch, refused.fault)
        else:
            self._note_sent(actor, provider, batch, found.id)

    def _note_sent(self, actor: Actor, provider: Overnight, batch: ProviderBatch, provider_id: str) -> None:
        soon = _PAUSES[0][1]
        with self._database.write(actor) as scope:
            at = milliseconds(self._clock()) + soon
            known = ProviderBatchRepository(scope).note_sent(batch.key, provider_id, at)
        if known:
            self._queue.submit([_job(actor, batch.key, soon)])
        else:  # it was given up meanwhile
            with suppress(ProviderAway, ProviderRefuses):
                provider.cancel(provider_id)

    def _look(self, actor: Actor, batch: ProviderBatch, now: datetime, *, running: bool) -> timedelta | None:
        """After how long to look again, None at the end. Raises ProviderAway, ProviderRefuses."""
        provider = self._nights.provider
        if batch.state == "collected" or provider is None:
            self._collecting.give_up(actor, batch, Fault.NO_KEY)
            return None
        if batch.provider_id is None:
            found = provider.find_key(batch.key, batch.submitted_at)
            if found is None:
                self._ask_anew(actor, batch, Fault.RESET)
                return None
            with self._database.write(actor) as scope:
                ProviderBatchRepository(scope).note_sent(batch.key, found.id, now + _LOOKING)
        else:
            found = provider.find(batch.provider_id)
        if found.over:
            lines = provider.lines(found.files, len(batch.entries))
            self._collecting.take(actor, batch, lines, found.status, (*batch.files, *found.files))
            return None
        if now >= batch.wait_until + _GRACE:
            raise ProviderRefuses(Fault.TIMEOUT)
        if (not running or now >= batch.wait_until) and found.status != "cancelling":
            provider.cancel(found.id)
        return _pause(now - batch.submitted_at) if running else _CANCELLING

    def _ask_anew(self, actor: Actor, batch: ProviderBatch, fault: Fault) -> None:
        """The provider does not have it: nothing was bought, and the accounts are asked about again later."""
        ids = [entry.account_id for entry in batch.entries]
        _log.warning("a batch of %d accounts did not reach the provider: %s", len(ids), fault)
        with self._database.write(actor) as scope:
            if not ProviderBatchRepository(scope).remove(batch.key):
                return
            _put_off(BatchRepository(scope), [claim_of(batch, entry) for entry in batch.entries])
            if batch.reservation is not None:
                UsageRepository(scope).release(batch.reservation)
        self._collecting.delete(batch.files)
        job = Job(task="ask_overnight", tenant_id=actor.tenant_id, subject=batch.run_id, account_ids=tuple(ids))
        self._queue.submit([replace(job, delay=_AWAY)])
        self._work.close(actor, batch.run_id)

    def _look_again(self, actor: Actor, key: str, at: datetime, delay: timedelta) -> None:
        with self._database.write(actor) as scope:
            ProviderBatchRepository(scope).look_again(key, at)
        self._queue.submit([_job(actor, key, delay)])


def _job(actor: Actor, key: str, delay: timedelta) -> Job:
    return Job(task="collect_overnight", tenant_id=actor.tenant_id, subject=key, delay=delay)


def _entry(claim: Claim, night: Night) -> Entry:
    fingerprint = night.questions[claim.account_id].fingerprint
    return Entry(account_id=claim.account_id, attempt=claim.attempt, fingerprint=fingerprint)


def _had_bad_luck(claim: Claim) -> bool:
    """Whether an earlier attempt ended in a crash, or the provider was away too often."""
    return claim.attempt - claim.waits > 1 or claim.waits > _MOST_TRIES


def _put_off(batches: BatchRepository, claims: Sequence[Claim]) -> None:
    for claim in claims:
        batches.put_off(claim)


def _pause(age: timedelta) -> timedelta:
    return next((pause for until, pause in _PAUSES if age < until), _LONGEST_PAUSE)
