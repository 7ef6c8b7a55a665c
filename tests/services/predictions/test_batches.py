"""Predictions of a whole portfolio, and replays of the past."""

from datetime import datetime, timedelta

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, Invalid
from cs_ml.services.predicting import batches
from cs_ml.store.database import Database
from tests.services.counting import statements
from tests.services.predictions.predicting import (
    RULES,
    ScriptedEngine,
    TestClock,
    batching,
    predicting,
    stored,
    unavailable,
)
from tests.support.factories import NOW, add_account, add_activity, add_churn, add_prediction, add_tenant, add_user

PAST = NOW - timedelta(days=100)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three accounts at once."""
    monkeypatch.setattr(batches, "_CHUNK", 3)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("accounts", [1, 3, 4, 7])
def test_every_live_account_gets_exactly_one(database: Database, accounts: int) -> None:
    actor, other = add_tenant(database), add_tenant(database)
    ids = [add_account(database, actor) for _ in range(accounts)]
    add_account(database, actor, archived=True)
    add_prediction(database, actor, add_account(database, actor, type="CHURNED"))
    add_account(database, actor, type="CHURNED")
    add_account(database, other)
    told: list[int] = []
    service = batching(database, TestClock())
    assert service.predict_missing(actor, told.append) == {"low": accounts}
    assert told == [*range(3, accounts, 3), accounts]
    assert [stored(database, actor, account_id=account, status="ACTIVE") for account in ids] == [1] * accounts
    assert stored(database, actor, origin="batch") == accounts
    assert stored(database, other) == 0
    assert service.predict_missing(actor) == {"low": accounts}
    assert stored(database, actor, origin="batch") == accounts


def test_only_what_is_missing_or_has_expired_is_computed(database: Database) -> None:
    actor = add_tenant(database)
    clock = TestClock()
    valid, expired, foreign, other_window = (add_account(database, actor) for _ in range(4))
    add_prediction(database, actor, valid)
    add_prediction(database, actor, expired, valid_until=NOW)
    add_prediction(database, actor, foreign, engine=None)  # another product's row in the CRM's table
    add_prediction(database, actor, other_window, prediction_window=30)
    batching(database, clock).predict_missing(actor)
    made = {
        account: stored(database, actor, account_id=account, origin="batch")
        for account in (valid, expired, foreign, other_window)
    }
    assert made == {valid: 0, expired: 1, foreign: 1, other_window: 1}
    assert stored(database, actor, account_id=expired, status="EXPIRED") == 1
    assert stored(database, actor, account_id=other_window, status="ACTIVE") == 2


def test_a_batch_answers_as_the_single_prediction_does(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    for week in range(30):
        add_activity(database, actor, account, completed_at=NOW - timedelta(days=40 + 7 * week))
    batching(database, clock).predict_missing(actor)
    served = predicting(database, clock).predict(actor, account)
    alone = predicting(database, clock).predict(actor, account, force_refresh=True)
    assert served.cached
    assert (served.probability, served.factors) == (alone.probability, alone.factors)


def test_a_batch_of_many_asks_no_more_than_one_of_few(database: Database) -> None:
    actor, crowd = add_tenant(database), add_tenant(database)
    add_account(database, actor)
    for _ in range(20):
        add_account(database, crowd)
    service, counts = batching(database, TestClock()), []
    for who in (actor, crowd):
        with statements(database) as asked:
            service.predict_missing(who)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_fallback_is_computed_again_when_it_has_expired(database: Database) -> None:
    actor = add_tenant(database)
    add_account(database, actor)
    clock, model = TestClock(), ScriptedEngine(failure=unavailable())
    service = batching(database, clock, [model, RULES])
    service.predict_missing(actor)
    assert stored(database, actor, fallback_reason="timeout") == 1
    model.failure = None
    clock.advance(minutes=15)
    service.predict_missing(actor)
    assert (stored(database, actor, engine="llm"), stored(database, actor, status="ACTIVE")) == (1, 1)


def test_limited_to_owned_accounts_only_those_are_predicted(database: Database) -> None:
    owner, user = add_tenant(database), add_user(database)
    add_account(database, owner)
    own = add_account(database, owner, owner_id=user)
    limited = Actor(tenant_id=owner.tenant_id, role=Role.MEMBER, user_id=user, scope="owned")
    assert batching(database, TestClock()).predict_missing(limited) == {"low": 1}
    assert stored(database, owner, account_id=own) == stored(database, owner) == 1


@pytest.mark.usefixtures("small_chunks")
def test_a_replay_stores_once_and_is_never_in_force(database: Database) -> None:
    actor = add_tenant(database)
    clock = TestClock()
    known = [add_account(database, actor) for _ in range(4)]
    add_account(database, actor, created_at=PAST + timedelta(milliseconds=1))
    left_since = add_account(database, actor, archived=True)
    service = batching(database, clock)
    assert service.replay(actor, PAST) == 5
    assert service.replay(actor, PAST) == 0
    assert stored(database, actor, as_of=PAST, origin="replay", status="EXPIRED") == stored(database, actor) == 5
    assert stored(database, actor, account_id=left_since) == 1
    found = predicting(database, clock).predict(actor, known[0])
    assert (found.cached, found.origin) == (False, "single")
    assert service.replay(actor, PAST + timedelta(days=1)) == 6
    assert predicting(database, clock).predict(actor, known[0]).id == found.id


def test_who_had_left_is_not_replayed_unless_they_came_back(database: Database) -> None:
    actor = add_tenant(database)
    gone, back, later = (add_account(database, actor, type="CHURNED") for _ in range(3))
    for account in (gone, back):
        add_churn(database, actor, account, churned_at=PAST - timedelta(days=30))
        add_activity(database, actor, account, completed_at=PAST - timedelta(days=31))
    add_activity(database, actor, back, completed_at=PAST - timedelta(days=1))
    add_churn(database, actor, later, churned_at=PAST + timedelta(days=1))
    assert batching(database, TestClock()).replay(actor, PAST) == 2
    assert [stored(database, actor, account_id=account) for account in (gone, back, later)] == [0, 1, 1]


def test_a_replay_is_what_would_have_been_answered_then(database: Database) -> None:
    actor = add_tenant(database)
    account, clock = add_account(database, actor), TestClock()
    for day in range(0, 300, 5):
        add_activity(database, actor, account, completed_at=NOW - timedelta(days=day))
    batching(database, clock).replay(actor, PAST)
    (kept,) = predicting(database, clock).list(actor, account)
    asked = predicting(database, clock).predict(actor, account, as_of=PAST)
    assert (kept.probability, kept.factors, kept.as_of) == (asked.probability, asked.factors, asked.as_of)
    assert kept.predicted_at == PAST


@pytest.mark.parametrize("as_of", [NOW, NOW + timedelta(days=1)])
def test_the_future_cannot_be_replayed(database: Database, as_of: datetime) -> None:
    actor = add_tenant(database)
    add_account(database, actor)
    with pytest.raises(Invalid):
        batching(database, TestClock()).replay(actor, as_of)


def test_viewers_start_no_batches(database: Database) -> None:
    viewer = Actor(tenant_id=add_tenant(database).tenant_id, role=Role.VIEWER, user_id=1)
    with pytest.raises(Forbidden):
        batching(database, TestClock()).predict_missing(viewer)
    with pytest.raises(Forbidden):
        batching(database, TestClock()).replay(viewer, PAST)
