"""What a batch survives, shown with real workers, a real PostgreSQL server and a model's server on loopback.

`python -m benchmarks.operations.survival [crash] [cancel] [storm] [night]` prints what was promised and what was seen,
and ends with 1 where they differ.

crash    two workers; one is killed (-9) in the middle of 500 accounts, the database is restarted at once once
cancel   a run is cancelled: no call of the model begins more than 2 s later, and what was done is kept
storm    30 % of the calls are answered 429 with Retry-After: 2; nothing falls back to the rules because of it
night    400 accounts are asked overnight; the only worker is killed (-9) as soon as the provider has all of them, and
         the database is restarted; another worker collects the answers, some of which did not come or are no good
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import func, select

from benchmarks.operations.fleet import Fleet, end, fleet, good
from cs_ml.domain.jobs import BatchRequest, BatchRun
from cs_ml.domain.llm.overnight import OVERNIGHT
from cs_ml.store.tables import AccountMLPrediction, AIUsageEvent, BatchItem
from tests.llm.server import answer, error
from tests.llm.traffic.provider import Provider

CRASH_ACCOUNTS, OTHER_ACCOUNTS, NIGHT_ACCOUNTS = 500, 200, 2 * OVERNIGHT
CONCURRENCY = 10
CALL_S = 0.3
CANCEL_S = 2.0
TIMEOUT_S = 900.0

Seen = tuple[str, object, object]  # what, promised, seen


def crash() -> Iterator[Seen]:
    with fleet(CRASH_ACCOUNTS, synchronous_commit="on") as ours:
        ours.answer(lambda: answer(good(), delay_s=CALL_S))
        run = ours.services.runs.start(ours.actor, BatchRequest())
        first, second = ours.worker(CONCURRENCY), ours.worker(CONCURRENCY)
        try:
            killed = ours.watch(run.id, lambda seen: seen.counts.done >= CRASH_ACCOUNTS // 4, TIMEOUT_S)
            first.kill()
            _say(f"worker 1 killed after {killed.counts.done} accounts")
            half = ours.watch(run.id, lambda seen: seen.counts.done >= CRASH_ACCOUNTS // 2, TIMEOUT_S)
            ours.server.restart("immediate")
            _say(f"database restarted after {half.counts.done} accounts")
            ours.services.database.engine.dispose()
            started = time.monotonic()
            ended = ours.watch(run.id, lambda seen: not seen.open, TIMEOUT_S)
            _say(f"ended {time.monotonic() - started:.0f} s later, {ours.calls.total} calls of the model")
            yield ("the surviving worker still runs", None, second.poll())
        finally:
            first.kill()
            end(second)
        yield from _ended(ours, ended, computed=CRASH_ACCOUNTS)
        yield ("accounts with exactly one prediction", CRASH_ACCOUNTS, _with_one_prediction(ours))
        yield ("calls begun after their account was finished", 0, _repeated(ours, run.id))


def cancel() -> Iterator[Seen]:
    with fleet(OTHER_ACCOUNTS) as ours:
        ours.answer(lambda: answer(good(), delay_s=1.0))
        run = ours.services.runs.start(ours.actor, BatchRequest())
        worker = ours.worker(CONCURRENCY)
        try:
            ours.watch(run.id, lambda seen: seen.counts.done >= 20, TIMEOUT_S)
            at = datetime.now(UTC)
            ours.services.runs.cancel(ours.actor, run.id)
            ended = ours.watch(run.id, lambda seen: not seen.open, TIMEOUT_S)
            time.sleep(2 * CANCEL_S)
        finally:
            took = end(worker)
        late = [moment for moments in ours.calls.at.values() for moment in moments if moment > at]
        longest = max(((moment - at).total_seconds() for moment in late), default=0.0)
        _say(f"last call begun {longest:.1f} s after the cancel; the worker stopped in {took:.1f} s")
        yield ("calls begun more than 2 s after the cancel", 0, sum(m > at + timedelta(seconds=CANCEL_S) for m in late))
        yield ("state", "cancelled", ended.state)
        yield ("answers kept, of calls made", ours.calls.total, ended.counts.done)
        yield ("predictions stored", ended.counts.done, _with_one_prediction(ours))
        yield ("counts add up", OTHER_ACCOUNTS, ended.counts.done + ended.counts.cancelled)


def storm() -> Iterator[Seen]:
    with fleet(OTHER_ACCOUNTS) as ours:
        rng = Random(5)
        busy = error(429, "rate_limit_exceeded", retry_after="2")
        ours.answer(lambda: busy if rng.random() < 0.3 else answer(good(), delay_s=CALL_S))
        run = ours.services.runs.start(ours.actor, BatchRequest())
        worker = ours.worker(CONCURRENCY)
        try:
            ended = ours.watch(run.id, lambda seen: not seen.open, TIMEOUT_S)
        finally:
            end(worker)
        _say(f"{ours.calls.total} calls, of them {_refused(ours)} refused with 429")
        yield from _ended(ours, ended, computed=OTHER_ACCOUNTS)
        yield ("some calls were refused", True, _refused(ours) > OTHER_ACCOUNTS // 10)


def night() -> Iterator[Seen]:
    with fleet(NIGHT_ACCOUNTS, overnight=True, synchronous_commit="on") as ours:
        provider = Provider(ours.model)
        ours.answer(lambda: answer(good()))
        run = ours.services.runs.start(ours.actor, BatchRequest(overnight=True))
        first = ours.worker(CONCURRENCY)
        ours.watch(run.id, lambda _: len(provider.batches) == NIGHT_ACCOUNTS // OVERNIGHT, TIMEOUT_S)
        first.kill()
        ours.server.restart("immediate")
        ours.services.database.engine.dispose()
        one, other = provider.batches
        provider.answer(one, lambda _: answer(good()), status="expired", without={7, 8}, errors={9: 500})
        provider.answer(other, lambda body: answer({} if body == provider.questions(other)[5] else good()))
        started, second = time.monotonic(), ours.worker(CONCURRENCY)
        try:
            ended = ours.watch(run.id, lambda seen: not seen.open, TIMEOUT_S)
            _say(f"ended {time.monotonic() - started:.0f} s after the other worker began")
        finally:
            end(second)
        yield from _ended(ours, ended, computed=NIGHT_ACCOUNTS)
        yield ("accounts with exactly one prediction", NIGHT_ACCOUNTS, _with_one_prediction(ours))
        yield ("batches at the provider", NIGHT_ACCOUNTS // OVERNIGHT, len(provider.batches))
        yield ("calls for what did not come or was no good", 4, ours.calls.total)
        yield ("files left at the provider", 0, len(provider.files))


def _ended(ours: Fleet, ended: BatchRun, *, computed: int) -> Iterator[Seen]:
    counts = ended.counts
    yield ("state", "done", ended.state)
    yield ("computed", computed, counts.computed)
    yield ("fallbacks", 0, counts.fallback)
    yield ("failed", 0, counts.failed)
    yield ("counts add up to", len(ours.ids), counts.done + counts.failed + counts.cancelled)


def _with_one_prediction(ours: Fleet) -> int:
    stored = AccountMLPrediction
    with ours.services.database.read(ours.actor) as scope:
        rows = scope.execute(select(stored.account_id, func.count(stored.id)).group_by(stored.account_id)).all()
    return sum(row[1] == 1 for row in rows) if len(rows) <= len(ours.ids) else -1


def _repeated(ours: Fleet, run_id: str) -> int:
    """Calls about an account that began after the account was finished."""
    number = {key: place for place, key in enumerate(ours.ids)}
    with ours.services.database.read(ours.actor) as scope:
        rows = scope.execute(
            select(BatchItem.account_id, BatchItem.finished_at).where(BatchItem.run_id == run_id)
        ).all()
    return sum(at > row.finished_at for row in rows for at in ours.calls.at.get(number[row.account_id], ()))


def _refused(ours: Fleet) -> int:
    event = AIUsageEvent
    with ours.services.database.read(ours.actor) as scope:
        counted = scope.execute(select(func.count(event.id)).where(event.error_type == "rate_limited"))
        return int(counted.scalar() or 0)


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


SHOWS: dict[str, Callable[[], Iterator[Seen]]] = {"crash": crash, "cancel": cancel, "storm": storm, "night": night}


def main(names: Sequence[str]) -> int:
    kept = True
    for name in names or list(SHOWS):
        print(name, flush=True)
        for what, promised, seen in SHOWS[name]():
            held = promised == seen
            kept = kept and held
            print(f"  {what:<46} promised {promised!s:<10} seen {seen!s:<10} {'' if held else 'BROKEN'}", flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
