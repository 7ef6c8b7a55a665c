"""What a worker does for a group of accounts of a batch whose model is asked: fewer transactions than one by one.

The rules are those of `work`: each account is claimed, and only what holds its claim ends it. What cannot go with the
others (somebody else is at it, or an earlier attempt ended in a crash) becomes a job of its own.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Lock

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.errors import DatabaseAway, NotFound
from cs_ml.domain.jobs import MOST_WAITS, BatchRequest, Claim, Finished, Job, JobQueue
from cs_ml.domain.predictions import Prediction
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.operations.lanes import Lanes
from cs_ml.services.operations.work import BatchWork, ended
from cs_ml.services.predicting.after import After
from cs_ml.services.predicting.groups import Asked, Group, GroupService, renew, settle
from cs_ml.store.database import Database
from cs_ml.store.operations.batches import BatchRepository
from cs_ml.store.scope import Scope

_LEASE = timedelta(seconds=30)
_RENEWED = timedelta(seconds=10)
_LOOK_S = 1.0  # how often is looked whether the run was cancelled
_GATHER_S = 0.3  # so long answers wait for others, to be stored together

End = Finished | timedelta  # how an account ended, or after how long it is to be tried again


@dataclass(frozen=True, kw_only=True, slots=True)
class _Over:
    """An account that is over. `end`: None where what was stored tells it."""

    claim: Claim
    asked: Asked
    end: End | None = None


@dataclass(kw_only=True, slots=True)
class _Open:
    """A group under way. `claims`: of accounts that have no end yet, held until `until`."""

    actor: Actor
    run_id: str
    request: BatchRequest
    started_at: datetime
    group: Group
    claims: dict[int, Claim]
    until: datetime
    looked_at: datetime
    unsaved: list[_Over] = field(default_factory=list)


class GroupWork:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: JobQueue,
        groups: GroupService,
        work: BatchWork,
        *,
        threads: Lanes,
        after: After,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue
        self._groups = groups
        self._work = work
        self._after = after
        self._sleep = sleep
        self._beginning = Lock()  # one after the other: the first fills the lanes while the next gets ready
        self.lanes = threads

    def predict(self, actor: Actor, run_id: str, account_ids: Sequence[int]) -> None:
        """A group of a run; does nothing about accounts that are finished, as single jobs do. Raises as those do."""
        actor.require(Permission.PREDICT)
        now = milliseconds(self._clock())
        with self._database.write(actor) as scope:
            batches = BatchRepository(scope)
            claims = batches.claim(run_id, account_ids, now=now, until=now + _LEASE)
            begun = batches.find_begun(run_id) if claims else None
            crashed = [claim for claim in claims if claim.attempt - claim.waits > 1]
            _put_off(batches, crashed)
        self._alone(actor, run_id, [claim.account_id for claim in crashed])
        if begun is not None:
            self._together(actor, run_id, [one for one in claims if one not in crashed], begun, until=now + _LEASE)
        for account_id in set(account_ids) - {claim.account_id for claim in claims}:
            self._work.predict(actor, run_id, account_id)

    def _together(
        self,
        actor: Actor,
        run_id: str,
        claims: Sequence[Claim],
        begun: tuple[BatchRequest, datetime],
        *,
        until: datetime,
    ) -> None:
        request, started_at = begun
        held = {claim.account_id: claim for claim in claims}
        with self._beginning:
            group = self._groups.begin(actor, [*held], refresh=request.refresh, lease=_LEASE)
        run = _Open(
            actor=actor,
            run_id=run_id,
            request=request,
            started_at=started_at,
            group=group,
            claims=held,
            until=until,
            looked_at=milliseconds(self._clock()),
        )
        for account_id in held.keys() - group.scenes.keys() - group.busy:
            end = Finished(outcome="cached") if account_id in group.valid else Finished(error=NotFound.code)
            run.unsaved.append(_over(run, Asked(account_id=account_id), end))
        self._ask(run, [held[account_id] for account_id in group.scenes])
        self._hand_back(run, group.busy, alone=True)

    def _ask(self, run: _Open, claims: Sequence[Claim]) -> None:
        """Ends accounts as their answers come in. Raises what broke one of them, after the others."""
        going = {self.lanes.do(partial(self._answer, run, claim)): claim for claim in claims}
        left, broken = set(going), list[Future[Asked]]()
        while left or run.unsaved:
            done = wait(left, _LOOK_S, FIRST_COMPLETED).done
            done |= wait(left - done, _GATHER_S).done if done != left else set()
            left -= done
            over = [one for one in going if one in done and not one.cancelled()]
            broken += [one for one in over if one.exception()]
            run.unsaved += [_over(run, one.result()) for one in over if not one.exception()]
            if not self._keep(run, last=not left):
                left -= {one for one in left if one.cancel()}
        self._hand_back(run, [claim.account_id for one, claim in going.items() if one.cancelled()])
        for one in broken:
            one.result()

    def _answer(self, run: _Open, claim: Claim) -> Asked:
        return self._groups.ask(run.group, claim.account_id, patient=claim.waits < MOST_WAITS)

    def _keep(self, run: _Open, *, last: bool) -> bool:
        """Stores what came in and goes on holding the rest; False where the run was cancelled. Waits for a database
        that is away, as long as the accounts are held. Raises DatabaseAway."""
        now = milliseconds(self._clock())
        if not run.unsaved and now - run.looked_at < timedelta(seconds=_LOOK_S):
            return True
        try:
            return self._save(run, now)
        except DatabaseAway:
            if last and now > run.until:
                raise
            if last:
                self._sleep(_LOOK_S)
            return True

    def _save(self, run: _Open, now: datetime) -> bool:
        until = now + _LEASE if run.until - now < _LEASE - _RENEWED else run.until
        with self._database.write(run.actor) as scope:
            batches = BatchRepository(scope)
            ends = _end(scope, run, now)
            if until != run.until:
                batches.renew(run.run_id, [*run.claims], held_until=run.until, until=until)
                renew(scope, run.group, until)
            goes_on, waiting = batches.is_running(run.run_id), batches.any_waiting(run.run_id)
        run.unsaved, run.until, run.looked_at = [], until, now
        for account_id in ends:
            run.claims.pop(account_id, None)
        self._follow(run, ends, waiting=waiting)
        return goes_on

    def _follow(self, run: _Open, ends: Mapping[int, End | None], *, waiting: bool) -> None:
        """What comes after accounts that ended: CTAs, another try, the end of the run."""
        computed = [key for key, end in ends.items() if isinstance(end, Finished) and end.outcome == "computed"]
        if computed:
            self._after(run.actor, computed)
        later = {key: end for key, end in ends.items() if isinstance(end, timedelta)}
        if later:
            self._again(run.actor, run.run_id, [*later], max(later.values()))
        if not waiting and ends:
            with self._database.write(run.actor) as scope:
                BatchRepository(scope).close(run.run_id, milliseconds(self._clock()))

    def _hand_back(self, run: _Open, account_ids: Collection[int], *, alone: bool = False) -> None:
        """Lets accounts wait again that were not asked about."""
        if not account_ids:
            return
        with self._database.write(run.actor) as scope:
            settle(scope, run.group, [Asked(account_id=account_id) for account_id in account_ids])
            batches = BatchRepository(scope)
            _put_off(batches, [run.claims.pop(account_id) for account_id in account_ids])
            goes_on = batches.is_running(run.run_id)
        if not goes_on:
            self._follow(run, dict.fromkeys(account_ids), waiting=False)
        elif alone:
            self._alone(run.actor, run.run_id, account_ids)
        else:
            self._again(run.actor, run.run_id, account_ids, timedelta(0))

    def _again(self, actor: Actor, run_id: str, account_ids: Collection[int], delay: timedelta) -> None:
        """Spread a little, so that those who were put off at once do not come back at once."""
        jitter = timedelta(milliseconds=min(account_ids) % 20 * 50)
        ids = tuple(account_ids)
        self._queue.submit(
            [
                Job(
                    task="predict_group",
                    tenant_id=actor.tenant_id,
                    subject=run_id,
                    account_ids=ids,
                    delay=delay + jitter,
                )
            ]
        )

    def _alone(self, actor: Actor, run_id: str, account_ids: Collection[int]) -> None:
        self._queue.submit(
            [Job(task="predict", tenant_id=actor.tenant_id, subject=run_id, account_ids=(key,)) for key in account_ids]
        )


def _end(scope: Scope, run: _Open, now: datetime) -> Mapping[int, End | None]:
    """Ends what is over, in this transaction; by account how, None for what somebody else had taken over."""
    batches = BatchRepository(scope)
    attempts = batches.held(run.run_id, [over.claim.account_id for over in run.unsaved])
    mine = {over.claim.account_id for over in run.unsaved if attempts.get(over.claim.account_id) == over.claim.attempt}
    stored = settle(
        scope,
        run.group,
        [over.asked if over.claim.account_id in mine else replace(over.asked, prediction=None) for over in run.unsaved],
    )
    ends: dict[int, End | None] = {}
    for over in run.unsaved:
        account_id = over.claim.account_id
        end = ends[account_id] = _end_of(over, stored, run.started_at) if account_id in mine else None
        if isinstance(end, Finished):
            batches.finish(over.claim, end, now)
    _put_off(batches, [over.claim for over in run.unsaved if isinstance(ends[over.claim.account_id], timedelta)])
    return ends


def _end_of(over: _Over, stored: Mapping[int, Prediction], started_at: datetime) -> End:
    error, account_id = over.asked.error, over.claim.account_id
    if over.end is not None:
        return over.end
    if error is not None:
        return error.retry_after or Finished(error=error.code)
    return ended(stored[account_id], started_at) if account_id in stored else timedelta(0)


def _over(run: _Open, asked: Asked, end: End | None = None) -> _Over:
    return _Over(claim=run.claims[asked.account_id], asked=asked, end=end)


def _put_off(batches: BatchRepository, claims: Sequence[Claim]) -> None:
    for claim in claims:
        batches.put_off(claim)
