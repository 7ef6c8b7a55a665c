"""Figures of judged predictions: what counts once, what stays apart, and what refreshing cannot move."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.predictions import PredictionType
from cs_ml.services.truth.accuracy import AccuracyService
from cs_ml.services.truth.figures import (
    baselines,
    breakdown,
    capacities,
    dimensions,
    engines_in,
    evaluation_of,
    lead_times,
    misses,
    money,
    pick,
    top_tenth,
    warnings,
)
from cs_ml.services.truth.judged import Judged
from cs_ml.services.truth.validation import ValidationService
from cs_ml.store.database import Database
from tests.services.counting import statements
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_churn,
    add_cta,
    add_fact,
    add_prediction,
    add_tenant,
    add_user,
)

Predicted = Callable[..., int]


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def actor(database: Database) -> Actor:
    made = add_tenant(database)
    witness = add_account(database, made)
    add_activity(database, made, witness)
    add_churn(database, made, witness, churned_at=ago(900))
    return made


@pytest.fixture
def predicted(database: Database, actor: Actor) -> Predicted:
    """A superseded prediction made so many days ago."""

    def add(account_id: int, days: float, **overrides: Any) -> int:
        row = {"predicted_at": ago(days), "as_of": ago(days), "valid_until": ago(days - 30), "status": "EXPIRED"}
        return add_prediction(database, actor, account_id, **row | overrides)

    return add


def judged(database: Database, actor: Actor, **options: Any) -> Judged:
    ValidationService(database, lambda: NOW).validate(Actor.system(actor.tenant_id))
    return AccuracyService(database, lambda: NOW).judged(actor, 90, **{"replays": False, **options})


def test_refreshing_fifty_times_does_not_move_the_headline(
    database: Database, actor: Actor, predicted: Predicted
) -> None:
    stays, leaves = add_account(database, actor), add_account(database, actor)
    add_churn(database, actor, leaves, churned_at=ago(20))
    for account in (stays, leaves):
        for days in (200, 100):
            predicted(account, days, probability=0.3)
    before = evaluation_of(pick(judged(database, actor)))
    for number in range(1, 51):
        predicted(leaves, 100 - number / 100, probability=0.9)
    found = judged(database, actor)
    assert evaluation_of(pick(found)) == before
    assert (before.n, before.churned) == (4, 1)
    assert len(pick(found, every=True)) == 54
    assert AccuracyService(database, lambda: NOW).state(actor).live.judged == 54


def test_early_leavers_wait_for_the_end_of_their_window(database: Database, actor: Actor, predicted: Predicted) -> None:
    account = add_account(database, actor)
    add_churn(database, actor, account, churned_at=ago(2))
    predicted(account, 30)
    assert len(judged(database, actor)) == 0
    service = AccuracyService(database, lambda: NOW)
    assert service.state(actor).live.judged == 1
    assert len(AccuracyService(database, lambda: NOW + timedelta(days=61)).judged(actor, 90, replays=False)) == 1


def test_rough_dates_stay_outside_the_headline(database: Database, actor: Actor, predicted: Predicted) -> None:
    account = add_account(database, actor)
    add_churn(database, actor, account, churned_at=ago(50), approximate=True)
    predicted(account, 100)
    found = judged(database, actor)
    assert (len(found), len(pick(found))) == (1, 0)


def test_engines_and_replays_are_apart(database: Database, actor: Actor, predicted: Predicted) -> None:
    account = add_account(database, actor)
    predicted(account, 100)
    predicted(account, 100, engine="llm", llm_model="small", prompt_version="p1")
    predicted(account, 100, origin="replay")
    live, replays = judged(database, actor), judged(database, actor, replays=True)
    assert (engines_in(live), engines_in(replays)) == ({"llm": 1, "rules": 1}, {"rules": 1})
    assert dimensions(live) == ["segment", "month", "treated", "engine", "model", "prompt"]
    assert dimensions(replays) == ["segment", "month", "treated"]
    assert [name for name, _ in breakdown(live, "model")] == ["small"]
    kinds = [(one.kind, one.evaluation.n) for one in baselines(live, "rules")]
    assert kinds == [("base_rate", 1), ("all_renew", 1), ("llm", 1)]


def test_worked_on_or_not(database: Database, actor: Actor, predicted: Predicted) -> None:
    worked, cancelled, alone = (add_account(database, actor) for _ in range(3))
    add_cta(database, actor, worked, created_at=ago(120), completed_at=ago(80), status="COMPLETED")
    add_cta(database, actor, cancelled, created_at=ago(80), status="CANCELLED")
    add_cta(database, actor, alone, created_at=ago(150))
    for account in (worked, cancelled, alone):
        predicted(account, 100)
    found = judged(database, actor)
    assert pick(found, treated="treated").account.tolist() == [worked]
    assert pick(found, treated="untreated").account.tolist() == [cancelled, alone]
    assert [(name, one.n) for name, one in breakdown(found, "treated")] == [("False", 2), ("True", 1)]


@pytest.fixture
def caught(database: Database, actor: Actor, predicted: Predicted) -> Judged:
    """Four customers a month ahead: a caught leaver, a missed one, a false alarm and one rightly left alone."""
    for chance, left, arr in ((0.8, 40, 1000), (0.2, 30, 5000), (0.7, None, 200), (0.1, None, 300)):
        account = add_account(database, actor)
        add_fact(database, actor, account, "timeless", segment="SMB", currency="USD")
        add_fact(database, actor, account, arr=arr, valid_from=ago(400))
        add_fact(database, actor, account, arr=arr * 9, valid_from=ago(90))  # nobody knew it then
        if left:
            add_churn(database, actor, account, churned_at=ago(left))
        predicted(account, 110, probability=0.01)
        predicted(account, 100, probability=chance)
    return judged(database, actor)


def test_what_warnings_came_to(caught: Judged) -> None:
    counted = pick(caught, every=True).where(pick(caught, every=True).chance > 0.01)
    half = warnings(counted)[50]
    assert (half.caught, half.false_alarms, half.missed, half.quiet) == (1, 1, 1, 1)
    (sums,) = money(counted, 0.5)
    assert (sums.currency, sums.caught, sums.missed) == ("USD", 1000.0, 5000.0)
    two = capacities(counted)[1]
    assert (two.caught, two.false_alarms) == (1, 1)
    left, alarms = misses(counted, 0.5, 5)
    assert (left.chance.tolist(), alarms.chance.tolist()) == ([0.2], [0.7])
    assert top_tenth(counted) == pytest.approx(0.77)
    ((name, found),) = breakdown(counted, "segment")
    assert (name, found.n, found.churned) == ("SMB", 4, 2)


def test_how_early_the_first_warning_was(caught: Judged) -> None:
    found = lead_times(caught, 0.5)
    assert found.churners == 2
    assert list(found.days) == pytest.approx([60.0])
    assert list(lead_times(caught, 0.01).days) == pytest.approx([70.0, 80.0])
    assert lead_times(caught, 0.9).days == []


def test_the_own_scope_sees_its_own_alone(database: Database, actor: Actor, predicted: Predicted) -> None:
    user = add_user(database)
    mine, other = add_account(database, actor, owner_id=user), add_account(database, actor)
    for account in (mine, other):
        predicted(account, 100)
    limited = Actor(tenant_id=actor.tenant_id, role=Role.MEMBER, user_id=user, scope="owned")
    assert judged(database, limited).account.tolist() == [mine]
    service = AccuracyService(database, lambda: NOW)
    assert service.state(limited).live.judged == 1
    assert list(service.names(limited, [mine, other])) == [mine]
    assert service.summary(limited).validated_count == 1


def test_the_summary_in_the_words_of_the_contract(database: Database, actor: Actor, predicted: Predicted) -> None:
    account = add_account(database, actor)
    predicted(account, 100, probability=0.9)
    predicted(account, 200, probability=0.2)
    predicted(account, 10)
    judged(database, actor)
    found = AccuracyService(database, lambda: NOW).summary(actor)
    assert (found.total_predictions, found.validated_count, found.accurate_count, found.open_count) == (3, 2, 1, 1)
    assert (found.accuracy, found.headline["rules"].n) == (0.5, 2)
    assert found.by_type["CHURN"]["accuracy"] == 0.5
    trend = AccuracyService(database, lambda: NOW).summary(actor, PredictionType.HEALTH_TREND)
    assert (trend.total_predictions, trend.accuracy, trend.headline) == (0, None, {})


def test_the_number_of_statements_does_not_grow(database: Database, actor: Actor, predicted: Predicted) -> None:
    service = AccuracyService(database, lambda: NOW)

    def asked() -> int:
        with statements(database) as seen:
            service.state(actor)
            service.judged(actor, 90, replays=False)
        return len(seen)

    predicted(add_account(database, actor), 100)
    few = asked()
    for _ in range(20):
        predicted(add_account(database, actor), 100)
    assert asked() == few
