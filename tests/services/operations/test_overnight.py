"""A run that is asked overnight: the same run, at half the price, with answers of the instant of the questions."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Invalid
from cs_ml.domain.jobs import BatchPlan, BatchRequest
from cs_ml.domain.predictions import PredictionType
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.operations import collecting
from cs_ml.services.operations.upkeep import UpkeepService
from cs_ml.services.predicting.limits import PredictionLimit
from cs_ml.store.database import Database
from cs_ml.store.operations.leaving import LeavingRepository
from cs_ml.store.operations.monitoring import MonitoringRepository
from cs_ml.store.operations.usage import UsageRepository
from cs_ml.store.tables import Account, AuditEvent
from tests.llm.server import answer
from tests.services.llm.faulty import CHURN, GOOD
from tests.services.operations.nights import Night, night, on_one_database, six
from tests.services.operations.working import Working
from tests.services.predictions.predicting import TestClock, predicting
from tests.support.factories import NOW, add_account, add_activity, add_prediction


@pytest.fixture
def acme(database: Database) -> Actor:
    return six(database)


@pytest.fixture
def at(database: Database, acme: Actor) -> Iterator[Night]:
    with night(database, acme) as found:
        yield found


def test_a_run_waits_for_its_answers_and_ends_as_any_other(at: Night) -> None:
    run_id = at.begin()
    begun = at.work.clock.now
    assert at.run(run_id).counts.left == 6
    at.look()
    at.look()
    assert (at.run(run_id).state, at.server.requests) == ("running", [])
    at.answer()
    at.turn()
    found = at.run(run_id)
    assert (found.state, found.counts.computed, found.counts.left) == ("done", 6, 0)
    assert set(at.predicted().values()) == {("llm", begun, 1)}
    assert at.server.requests == []
    assert at.left_over() == []
    assert at.provider.files == {}


@on_one_database
def test_half_is_paid_and_told(at: Night) -> None:
    run_id = at.begin()
    at.answer()
    at.turn()
    books = at.books()
    one = Decimal("0.000179")  # half of what the books say of one at once
    assert {(good, fault, cost, waited) for good, fault, _, cost, waited in books} == {(True, None, one, True)}
    assert len({account for _, _, account, _, _ in books}) == 6
    assert at.run(run_id).counts.cost == 6 * one


def test_answers_that_waited_do_not_spoil_what_is_told_of_the_others(at: Night) -> None:
    late = at.work.clock.now + timedelta(days=2)
    at.begin()
    at.answer()
    at.turn()
    with at.database.read(at.actor) as scope:
        figures = MonitoringRepository(scope).figures(NOW - timedelta(days=1), late)
        usual = UsageRepository(scope).usual(NOW - timedelta(days=1), late)
    assert (figures.calls.part, figures.calls.n, figures.usual_ms, figures.slow_ms) == (6, 6, None, None)
    assert set(usual) == {False}


@on_one_database
def test_nobody_is_named_to_the_provider(at: Night) -> None:
    at.begin()
    batch = at.provider.batches[at.batch()]
    sent = b"".join(at.provider.files.values())
    assert b"Account 1" not in sent
    assert at.actor.tenant_id.encode() not in sent
    assert set(batch["metadata"]) == {"cs_ml"}
    assert len(batch["metadata"]["cs_ml"]) == 32


@on_one_database
def test_valid_predictions_are_kept_unless_asked(at: Night) -> None:
    kept = add_account(at.database, at.actor, name="Kept")
    add_prediction(at.database, at.actor, kept, engine="llm")
    run_id = at.begin()
    assert len(at.provider.questions(at.batch())) == 6
    at.answer()
    at.turn()
    counts = at.run(run_id).counts
    assert (counts.computed, counts.cached) == (6, 1)


@on_one_database
def test_an_answer_about_facts_that_are_not_so_any_more_is_paid_and_asked_anew(at: Night) -> None:
    run_id = at.begin()
    begun = at.work.clock.now
    account = at.rows(Account.id)[3][0]
    add_activity(at.database, at.actor, account, completed_at=begun - timedelta(days=3))  # imported since
    at.answer()
    at.turn()
    assert (at.run(run_id).state, at.run(run_id).counts.computed) == ("done", 6)
    assert len(at.server.requests) == 1
    made = at.predicted()
    assert made[account][1] > begun
    assert {instant for key, (_, instant, _) in made.items() if key != account} == {begun}
    assert sorted(waited for *_, waited in at.books()) == [False] + [True] * 6


@on_one_database
def test_what_happens_while_it_waits_is_no_reason_to_ask_again(at: Night) -> None:
    """It is not known at the instant of the questions; the prediction says that facts came after it."""
    at.begin()
    at.work.clock.advance(hours=1)
    add_activity(at.database, at.actor, at.rows(Account.id)[3][0], completed_at=at.work.clock.now)
    at.answer()
    at.turn()
    assert at.server.requests == []


def test_a_click_meanwhile_goes_on_working_and_stays_in_force(at: Night) -> None:
    run_id = at.begin()
    account = at.rows(Account.id)[0][0]
    at.work.clock.advance(minutes=30)
    clicked = at.predictions.predict(at.actor, account)
    at.answer()
    at.turn()
    counts = at.run(run_id).counts
    assert (counts.computed, counts.cached) == (5, 1)
    assert at.predicted()[account] == ("llm", clicked.predicted_at, 1)
    assert len(at.books()) == 7


def test_accounts_that_are_gone_are_paid_and_left_out(at: Night) -> None:
    run_id = at.begin()
    gone = at.rows(Account.id)[0][0]
    with at.database.write(at.actor) as scope:
        assert LeavingRepository(scope).purge(gone)
    at.answer()
    at.turn()
    assert (at.run(run_id).state, at.run(run_id).counts.computed) == ("done", 5)
    assert sorted(account is None for _, _, account, _, _ in at.books()) == [False] * 5 + [True]
    assert at.left_over() == []


@on_one_database
@pytest.mark.parametrize("portion", [4, 50])
def test_the_audit_log_says_when_it_was_stored(at: Night, monkeypatch: pytest.MonkeyPatch, portion: int) -> None:
    monkeypatch.setattr(collecting, "_PORTION", portion)
    at.begin()
    at.answer()
    at.look()
    made = [when for what, when in at.rows(AuditEvent.action, AuditEvent.at) if what == "prediction.made"]
    assert made == [at.work.clock.now] * 6


def test_a_budget_holds_room_for_the_night_and_gives_it_back(at: Night) -> None:
    settings = TenantSettingsService(at.database, at.work.clock)
    settings.set(at.actor, "llm_budget_usd_month", "5")
    at.begin()
    (reserved,) = at.books()
    assert reserved[:2] == (False, "reserved")
    at.answer()
    at.turn()
    assert reserved[3] > sum(cost for *_, cost, _ in at.books()) > 0
    assert at.left_over() == []


def test_without_room_in_the_budget_the_ordinary_way_decides(at: Night) -> None:
    TenantSettingsService(at.database, at.work.clock).set(at.actor, "llm_budget_usd_month", "0")
    run_id = at.begin()
    at.turn()
    assert (at.provider.calls, at.run(run_id).counts.fallback) == ([], 6)


def plans(at: Night) -> list[BatchPlan]:
    """At once, and overnight."""
    return [at.work.runs.plan(at.actor, BatchRequest(refresh=True, overnight=late)) for late in (False, True)]


@on_one_database
def test_what_it_would_do_is_told_before(at: Night) -> None:
    at.begin()
    at.answer()
    at.turn()
    at_once, overnight = plans(at)
    assert overnight.cost == 6 * Decimal("0.000179")
    assert (at_once.cost, at_once.duration) == (2 * overnight.cost, None)
    at.work.clock.advance(days=40)
    for account in at.rows(Account.id)[:2]:
        at.predictions.predict(at.actor, account[0])
    at.work.clock.advance(minutes=1)
    at_once, overnight = plans(at)
    assert at_once.cost is not None
    assert overnight.cost == at_once.cost / 2 > 0
    assert (overnight.duration, at_once.duration is not None, overnight.compute) == (None, True, 6)


@on_one_database
def test_a_night_is_asked_overnight_where_that_is_on(at: Night) -> None:
    work, limit = at.work, PredictionLimit(100)
    upkeep = UpkeepService(at.database, work.clock, work.runs, work.portfolio, at.predictions, limit=limit)
    run = upkeep.predict_moved(at.actor)
    assert run is not None
    assert run.request.overnight
    ordinary = Working(at.database, work.clock, at.predictions)
    work.clock.advance(days=1)
    upkeep = UpkeepService(at.database, work.clock, ordinary.runs, work.portfolio, at.predictions, limit=limit)
    run = upkeep.predict_moved(at.actor)
    assert run is not None
    assert not run.request.overnight


@on_one_database
def test_who_cannot_ask_overnight_is_told_why(at: Night) -> None:
    def told(work: Working, **request: object) -> str:
        with pytest.raises(Invalid) as refused:
            work.runs.start(at.actor, BatchRequest(overnight=True, **request))  # type: ignore[arg-type]
        return refused.value.message

    clock = TestClock()
    without = Working(at.database, clock, predicting(at.database, clock), overnight=True)
    assert "No language model" in told(without)
    assert "CS_ML_LLM_BATCH_API is off" in told(Working(at.database, clock, at.predictions))
    assert "Only churn" in told(at.work, type=PredictionType.HEALTH_TREND)
    assert "Only churn" in told(at.work, window_days=30)


@on_one_database
def test_a_rejected_answer_is_paid_and_asked_anew_at_once(at: Night) -> None:
    run_id = at.begin()
    told = iter([answer({**CHURN, "probability": 7}), answer("no"), *[GOOD] * 4])
    at.answer(lambda _body: next(told))
    at.turn()
    counts = at.run(run_id).counts
    assert (at.run(run_id).state, counts.computed, len(at.server.requests)) == ("done", 6, 2)
    books = sorted((str(fault), waited) for _, fault, _, _, waited in at.books())
    assert books == [("None", False)] * 2 + [("None", True)] * 4 + [("invalid_json", True), ("schema", True)]
    assert at.left_over() == []
