"""A run that is asked overnight when something goes wrong: nothing is lost, nothing is paid twice."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import DatabaseAway
from cs_ml.services.operations import collecting
from cs_ml.services.operations import overnight as module
from cs_ml.services.predicting.overnight import keep
from cs_ml.store.database import Database
from cs_ml.store.operations.provider_batches import ProviderBatchRepository
from cs_ml.store.tables import BatchItem
from tests.llm.server import Canned, error
from tests.services.llm.faulty import GOOD
from tests.services.operations.nights import Night, night, on_one_database, six

ALL = 6


class CrashError(Exception):
    """Stands for the end of a process."""


def die(*_: Any) -> Any:
    raise CrashError


@pytest.fixture
def acme(database: Database) -> Actor:
    return six(database)


@pytest.fixture
def at(database: Database, acme: Actor) -> Iterator[Night]:
    with night(database, acme) as found:
        yield found


def ended_well(at: Night, run_id: str, *, one_by_one: int) -> None:
    """Every account has its one prediction, and so many were asked about at once."""
    run = at.run(run_id)
    assert (run.state, run.counts.computed, len(at.server.requests)) == ("done", ALL, one_by_one)
    assert Counter(rows for _, _, rows in at.predicted().values()) == {1: ALL}
    assert at.left_over() == []


PARTLY: list[dict[str, Any]] = [
    {"status": "completed", "without": {2, 5}},
    {"status": "completed", "errors": {2: 500, 5: 400}},
    {"status": "expired", "without": {2}, "errors": {5: 429}},
    {"status": "cancelled", "without": {1, 2}},
]


@on_one_database
@pytest.mark.parametrize("how", PARTLY)
def test_what_was_not_answered_goes_the_ordinary_way(at: Night, how: dict[str, Any]) -> None:
    run_id = at.begin()
    at.answer(**how)
    at.turn()
    ended_well(at, run_id, one_by_one=2)
    assert at.provider.files == {}


@on_one_database
def test_a_batch_that_fails_as_a_whole_goes_the_ordinary_way(at: Night) -> None:
    run_id = at.begin()
    at.provider.batches[at.batch()]["status"] = "failed"
    at.turn()
    ended_well(at, run_id, one_by_one=ALL)


@on_one_database
@pytest.mark.parametrize(
    ("call", "refusal"),
    [("POST /files", error(404)), ("POST /batches", error(400)), ("POST /batches", error(429, "insufficient_quota"))],
)
def test_a_provider_that_has_nothing_of_the_kind_is_asked_one_by_one(at: Night, call: str, refusal: Canned) -> None:
    at.provider.failing[call] = [refusal]
    run_id = at.begin()
    at.turn()
    ended_well(at, run_id, one_by_one=ALL)
    assert (at.provider.batches, at.provider.files) == ({}, {})


def test_a_provider_that_is_away_is_asked_again_later(at: Night) -> None:
    at.provider.failing["POST /files"] = [error(500), error(503)]
    run_id = at.begin()
    assert at.left_over() == []
    assert [job.task for job in at.waiting()].count("ask_overnight") == 1
    while not at.provider.batches:
        at.work.turn(most=1)
    at.answer()
    at.turn()
    ended_well(at, run_id, one_by_one=0)


@on_one_database
def test_a_provider_that_stays_away_holds_nobody_up_for_good(at: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_TRIES", 2)
    at.provider.failing["POST /files"] = [error(500)] * 10
    run_id = at.begin()
    at.turn()
    ended_well(at, run_id, one_by_one=ALL)
    assert len(at.provider.failing["POST /files"]) == 7


def test_a_process_that_dies_after_the_provider_took_it_pays_once(at: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ProviderBatchRepository, "note_sent", die)
        with pytest.raises(CrashError):
            at.begin()
    run_id = at.rows(BatchItem.run_id)[0][0]
    at.restarted()
    at.answer()
    at.turn()
    ended_well(at, run_id, one_by_one=0)
    assert at.provider.calls.count("POST /batches") == 1


@on_one_database
@pytest.mark.parametrize("status", [500, 200])
def test_an_answer_that_was_lost_on_the_way_is_looked_for(at: Night, status: int) -> None:
    at.provider.failing["POST /batches late"] = [error(status)]
    run_id = at.begin()
    at.answer()
    at.turn()
    ended_well(at, run_id, one_by_one=0)
    assert at.provider.calls.count("POST /batches") == 1


def test_a_process_that_dies_before_the_provider_is_told_loses_nothing(
    at: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ProviderBatchRepository, "note_file", die)
        with pytest.raises(CrashError):
            at.begin()
    run_id = at.rows(BatchItem.run_id)[0][0]
    at.restarted()
    while not at.provider.batches:
        at.work.turn(most=1)
    at.answer()
    at.turn()
    ended_well(at, run_id, one_by_one=0)


def test_jobs_that_are_lost_are_sent_again_and_nobody_is_asked_twice(at: Night) -> None:
    run_id = at.begin()
    at.work.queue.waiting.clear()
    at.work.clock.advance(hours=3)
    at.work.tasks.run(next(job for job in at.work.queue.sent if job.task == "mend"))
    assert {job.task for job in at.waiting()} == {"collect_overnight"}
    at.restarted()
    at.answer()
    at.turn()
    ended_well(at, run_id, one_by_one=0)
    assert len(at.provider.batches) == 1


@on_one_database
@pytest.mark.parametrize("call", ["GET /batches", "GET /files"])
def test_a_provider_that_is_away_while_it_works_is_looked_after_later(at: Night, call: str) -> None:
    run_id = at.begin()
    at.answer()
    at.provider.failing[call] = [error(500), error(429)]
    at.turn()
    ended_well(at, run_id, one_by_one=0)


@on_one_database
@pytest.mark.parametrize(("call", "refusal"), [("GET /batches", error(401)), ("GET /files", error(404))])
def test_a_provider_that_forgot_it_is_asked_one_by_one(at: Night, call: str, refusal: Canned) -> None:
    run_id = at.begin()
    at.answer()
    at.provider.failing[call] = [refusal]
    at.turn()
    ended_well(at, run_id, one_by_one=ALL)


@on_one_database
def test_files_that_cannot_be_deleted_hold_nobody_up(at: Night) -> None:
    at.provider.failing["DELETE /files"] = [error(500), error(404)]
    run_id = at.begin()
    at.answer()
    at.turn()
    ended_well(at, run_id, one_by_one=0)


@on_one_database
def test_answers_that_are_far_too_large_are_not_read(at: Night) -> None:
    run_id = at.begin()
    at.answer()
    found = at.provider.batches[at.batch()]
    at.provider.files[found["output_file_id"]] = b"x" * (ALL * 128 * 1024 + 1)
    at.turn()
    ended_well(at, run_id, one_by_one=ALL)
    assert Counter((fault, cost > 0) for _, fault, _, cost, waited in at.books() if waited) == {
        ("too_large", True): ALL
    }


@on_one_database
def test_after_the_promised_day_nobody_waits_any_longer(at: Night) -> None:
    run_id = at.begin()
    begun = at.work.clock.now
    while at.run(run_id).open:
        at.work.turn(most=1)
    ended_well(at, run_id, one_by_one=ALL)
    assert timedelta(hours=25) < at.work.clock.now - begun < timedelta(hours=27)
    assert at.provider.batches[at.batch()]["status"] == "cancelling"


def test_a_cancel_keeps_what_was_answered_and_a_resume_asks_for_the_rest(at: Night) -> None:
    run_id = at.begin()
    at.work.clock.advance(minutes=3)
    at.work.runs.cancel(at.actor, run_id)
    at.look()
    assert at.provider.batches[at.batch()]["status"] == "cancelling"
    at.look()
    assert at.run(run_id).state == "cancelling"
    at.answer(status="cancelled", without={1, 2, 3, 4})
    at.turn()
    found = at.run(run_id)
    assert (found.state, found.counts.computed, found.counts.cancelled) == ("cancelled", 2, 4)
    assert (at.left_over(), at.server.requests, at.provider.files) == ([], [], {})
    at.work.runs.resume(at.actor, run_id)
    at.work.turn(most=2)
    _, second = at.provider.batches
    assert len(at.provider.questions(second)) == 4
    at.provider.answer(second, lambda _body: GOOD)
    at.turn()
    ended_well(at, run_id, one_by_one=0)


def test_a_crash_between_two_portions_repeats_nothing(at: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "_PORTION", 2)
    run_id = at.begin()
    at.answer()
    left = [1, 1]

    def crash(*arguments: Any) -> Any:
        if not left:
            raise DatabaseAway("away")
        left.pop()
        return keep(*arguments)

    monkeypatch.setattr(collecting, "keep", crash)
    with pytest.raises(DatabaseAway):
        at.look()
    monkeypatch.setattr(collecting, "keep", keep)
    assert at.run(run_id).counts.computed == 4
    at.restarted()
    at.turn()
    ended_well(at, run_id, one_by_one=0)
    assert len(at.books()) == ALL


def test_of_two_that_collect_one_does(at: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = at.begin()
    at.answer()
    keep = at.predictions.overnight.read
    other = at.work.overnight

    def read(*arguments: Any) -> Any:
        monkeypatch.undo()
        at.work.clock.advance(minutes=30)
        other.collect(at.actor, arguments[2].key)
        return keep(*arguments[1:])

    monkeypatch.setattr(type(at.predictions.overnight), "read", read)
    at.look()
    at.turn()
    ended_well(at, run_id, one_by_one=0)
    assert len(at.books()) == ALL


def test_what_was_on_its_way_to_be_asked_one_by_one_is_not_asked_overnight_again(
    at: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = at.begin()
    at.answer(without={1})
    monkeypatch.setattr(at.work.work, "one_by_one", die)
    with pytest.raises(CrashError):
        at.look()
    assert [job.task for job in at.restarted().queue.waiting] == ["spread", "mend"]
    at.turn()
    ended_well(at, run_id, one_by_one=1)
