"""A group of accounts in one job: the same promises as one by one, in fewer transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.predictions import PredictionType
from cs_ml.store.database import Database
from cs_ml.store.predictions import PredictionRepository
from cs_ml.store.tables import AccountMLPrediction, PredictionClaim
from tests.services.operations.grouping import Sometimes, begun, twelve, working
from tests.services.predictions.predicting import (
    RULES,
    ScriptedEngine,
    stored,
    unavailable,
)
from tests.support.factories import add_account, add_prediction

PATIENCE_S = 20


@pytest.fixture
def acme(database: Database) -> Actor:
    return twelve(database)


def test_all_accounts_of_a_run_go_in_few_jobs_and_end_once(database: Database, acme: Actor) -> None:
    engine = ScriptedEngine()
    work = working(database, engine)
    run_id, jobs = begun(work, acme)
    assert [len(job.account_ids) for job in jobs] == [5, 5, 2]
    work.turn()
    work.queue.submit(jobs)  # handed out a second time
    work.turn()
    found = work.runs.get(acme, run_id)
    assert (found.state, found.counts.computed, engine.asked) == ("done", 12, 12)
    assert stored(database, acme, status="ACTIVE", origin="batch") == 12
    with database.read(acme) as scope:
        assert scope.execute(select(PredictionClaim.id)).all() == []


def test_what_is_predicted_is_what_single_jobs_predict(database: Database, acme: Actor) -> None:
    for group in (1, 5):
        work = working(database, ScriptedEngine(), group=group)
        begun(work, acme, refresh=True)
        work.turn()
    columns = (AccountMLPrediction.account_id, AccountMLPrediction.probability, AccountMLPrediction.risk_factors)
    with database.read(acme) as scope:
        rows = scope.execute(select(*columns, AccountMLPrediction.status)).all()
    old = {row.account_id: row[1:3] for row in rows if row.status == "EXPIRED"}
    assert old == {row.account_id: row[1:3] for row in rows if row.status == "ACTIVE"}
    assert len(old) == 12


def test_a_group_costs_fewer_transactions_than_its_accounts_one_by_one(database: Database, acme: Actor) -> None:
    taken = []
    for group in (1, 12):
        work = working(database, ScriptedEngine(), group=group)
        begun(work, acme, refresh=True)
        with counted(database, "commit", "rollback") as count:
            work.turn()
        taken.append(count())
    assert taken[1] * 5 < taken[0]


@contextmanager
def counted(database: Database, *names: str) -> Iterator[Callable[[], int]]:
    seen: list[int] = []

    def note(*_: Any) -> None:
        seen.append(1)

    for name in names:
        event.listen(database.engine, name, note)
    try:
        yield lambda: len(seen)
    finally:
        for name in names:
            event.remove(database.engine, name, note)


def test_valid_predictions_are_kept_unless_asked(database: Database, acme: Actor) -> None:
    kept = add_account(database, acme, name="Kept")
    add_prediction(database, acme, kept, engine="llm")
    for refresh, computed in ((False, 12), (True, 13)):
        engine = ScriptedEngine()
        work = working(database, engine)
        run_id, _ = begun(work, acme, refresh=refresh)
        work.turn()
        counts = work.runs.get(acme, run_id).counts
        assert (counts.computed, counts.cached, engine.asked) == (computed, 13 - computed, computed)


def test_a_busy_model_puts_its_accounts_off_and_fails_none(database: Database, acme: Actor) -> None:
    busy = EngineUnavailable("Busy.", reason="rate_limited", retry_after=timedelta(seconds=2))
    work = working(database, engine := ScriptedEngine(failure=busy))
    run_id, jobs = begun(work, acme)
    work.queue.waiting.clear()
    work.tasks.run(jobs[0])
    again = work.queue.waiting[-1]
    assert (again.task, again.account_ids, again.delay >= timedelta(seconds=2)) == (
        "predict_group",
        jobs[0].account_ids,
        True,
    )
    engine.failure = None
    work.queue.submit(jobs[1:])
    work.turn()
    assert work.runs.get(acme, run_id).counts.computed == 12


def test_what_no_engine_can_answer_fails_alone(database: Database, acme: Actor) -> None:
    sometimes = Sometimes(ScriptedEngine(), {})
    work = working(database, sometimes)
    run_id, jobs = begun(work, acme)
    sometimes.failing[jobs[0].account_ids[1]] = [unavailable()]
    work.turn()
    found = work.runs.get(acme, run_id)
    assert (found.state, found.counts.computed, found.errors) == ("done", 11, {"ML_UNAVAILABLE": 1})


def test_a_fallback_does_not_end_a_better_engines_answer(database: Database, acme: Actor) -> None:
    work = working(database, Sometimes(ScriptedEngine(), everybody := {}), RULES)
    run_id, jobs = begun(work, acme, refresh=True)
    first, second = jobs[0].account_ids[:2]
    add_prediction(database, acme, first, engine="llm")
    for account in (first, second):
        everybody[account] = [unavailable()]
    work.turn()
    counts = work.runs.get(acme, run_id).counts
    assert (counts.computed, counts.fallback) == (10, 2)
    with database.read(acme) as scope:
        stored_here = PredictionRepository(scope)
        valid = [stored_here.find_valid(one, PredictionType.CHURN, 90, work.clock.now) for one in (first, second)]
    assert [one.provenance.engine for one in valid if one] == ["llm", "rules"]
