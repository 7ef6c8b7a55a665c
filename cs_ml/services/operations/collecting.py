"""What became of a batch at the model's provider goes into the database, some accounts at a time: a crash between two
portions repeats nothing, and of two that collect the same one does it."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import NotFound
from cs_ml.domain.jobs import BatchRequest, Claim, Finished
from cs_ml.domain.llm.overnight import Entry, ProviderAway, ProviderBatch, ProviderRefuses
from cs_ml.domain.llm.usage import Fault
from cs_ml.llm.traffic.lines import Line
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.operations.work import BatchWork, ended
from cs_ml.services.predicting.after import After
from cs_ml.services.predicting.groups import Asked
from cs_ml.services.predicting.overnight import OvernightService, keep
from cs_ml.store.database import Database
from cs_ml.store.operations.batches import BatchRepository
from cs_ml.store.operations.provider_batches import ProviderBatchRepository
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.scope import Scope

_PORTION = 50  # accounts that are read and stored together

_log = logging.getLogger(__name__)


class _Portion(NamedTuple):
    """Lines of a batch by number, the first of them after `done` others; `last`: none come after them."""

    done: int
    part: Mapping[int, Entry]
    last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stored:
    """How accounts ended, None: to be asked about one by one. `request`: None where the run is over or cancelled."""

    ends: Mapping[int, Finished | None]
    request: BatchRequest | None


class Collecting:
    def __init__(
        self, database: Database, clock: Clock, nights: OvernightService, work: BatchWork, *, after: After
    ) -> None:
        self._database = database
        self._clock = clock
        self._nights = nights
        self._work = work
        self._after = after

    def give_up(self, actor: Actor, batch: ProviderBatch, fault: Fault) -> None:
        """Lets what is left of a batch go the ordinary way."""
        self.take(actor, batch, {}, fault, batch.files)

    def take(
        self, actor: Actor, batch: ProviderBatch, lines: Mapping[int, Line], status: str, files: Sequence[str]
    ) -> None:
        """Stores what was answered; the rest goes the ordinary way. The files at the provider are deleted."""
        came: Counter[str] = Counter()
        for portion in _portions(batch):
            asked = self._nights.read(actor, batch, portion.part, lines)
            stored = self._store(actor, batch, portion, asked, files)
            if stored is None:
                return
            came += Counter(_words(one) for one in asked)
            self._follow(actor, batch.run_id, stored)
        if came:
            _log.info("a batch at the provider is over (%s): %s", status, dict(came))
        self.delete(files)
        with self._database.write(actor) as scope:
            run = BatchRepository(scope).get(batch.run_id)
            over = run.state in {"cancelling", "cancelled"}
            ProviderBatchRepository(scope).end(batch.key, "cancelled" if over else "ended")

    def delete(self, files: Sequence[str]) -> None:
        """As far as the provider lets it; what it keeps goes there by itself."""
        provider = self._nights.provider
        if provider is None:
            return
        for file in files:
            try:
                provider.delete(file)
            except (ProviderAway, ProviderRefuses) as kept:
                _log.warning("a file at the provider could not be deleted: %s", kept.fault)

    def _store(
        self, actor: Actor, batch: ProviderBatch, portion: _Portion, asked: Sequence[Asked], files: Sequence[str]
    ) -> _Stored | None:
        """None where somebody else did."""
        entries, now = portion.part.values(), milliseconds(self._clock())
        with self._database.write(actor) as scope:
            ours, batches = ProviderBatchRepository(scope), BatchRepository(scope)
            if not ours.advance(batch.key, portion.done, portion.done + len(portion.part)):
                return None
            held = batches.held(batch.run_id, [entry.account_id for entry in entries])
            mine = {entry.account_id for entry in entries if held.get(entry.account_id) == entry.attempt}
            kept = keep(scope, asked, mine, batch.submitted_at, now)
            begun = batches.find_begun(batch.run_id)
            started_at = begun[1] if begun else batch.submitted_at
            results = {one.account_id: one for one in asked}
            ends: dict[int, Finished | None] = {}
            for entry in entries:
                if entry.account_id in mine:
                    claim, stored = claim_of(batch, entry), kept.get(entry.account_id)
                    end = ends[entry.account_id] = (
                        ended(stored, started_at) if stored else _unstored(results[entry.account_id])
                    )
                    _finish(batches, claim, end, now)
            if portion.last:
                self._settle(scope, batch, files)
            running = batches.is_running(batch.run_id)
        return _Stored(ends=ends, request=begun[0] if begun and running else None)

    @staticmethod
    def _settle(scope: Scope, batch: ProviderBatch, files: Sequence[str]) -> None:
        if batch.reservation is not None:
            UsageRepository(scope).release(batch.reservation)
        ProviderBatchRepository(scope).end(batch.key, "collected", files)

    def _follow(self, actor: Actor, run_id: str, stored: _Stored) -> None:
        """What comes after accounts that ended: CTAs, the ordinary way for the others, the end of the run."""
        computed = [key for key, end in stored.ends.items() if end is not None and end.outcome == "computed"]
        if computed:
            self._after(actor, computed)
        if stored.request is not None:
            left = [key for key, end in stored.ends.items() if end is None]
            self._work.one_by_one(actor, run_id, stored.request, left)
        self._work.close(actor, run_id)


def claim_of(batch: ProviderBatch, entry: Entry) -> Claim:
    """The claim under which an account was asked about."""
    return Claim(run_id=batch.run_id, account_id=entry.account_id, attempt=entry.attempt, waits=0)


def _portions(batch: ProviderBatch) -> Iterator[_Portion]:
    for done in range(batch.done, len(batch.entries), _PORTION):
        part = dict(enumerate(batch.entries[done : done + _PORTION], start=done + 1))
        yield _Portion(done, part, last=done + _PORTION >= len(batch.entries))


def _unstored(one: Asked) -> Finished | None:
    """The end of an account of which nothing was stored: something newer is in force, or it does not exist any more."""
    if one.prediction is not None:
        return Finished(outcome="cached")
    return Finished(error=NotFound.code) if one.error is None else None


def _finish(batches: BatchRepository, claim: Claim, end: Finished | None, now: datetime) -> None:
    if end is None:
        batches.put_off(claim)
    else:
        batches.finish(claim, end, now)


def _words(one: Asked) -> str:
    if one.error is not None:
        return one.error.reason
    return "gone" if one.prediction is None else "answered"
