"""Methods that do not serve are asked too, judged as others are, and shown to nobody as a prediction."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import EngineUnavailable, Forbidden
from cs_ml.engines.base import Engine
from cs_ml.engines.rules import RulesEngine
from cs_ml.engines.scorecard import default_scorecard
from cs_ml.services.identity.leaving import LeavingService
from cs_ml.services.learning.leaderboard import LeaderboardService
from cs_ml.services.learning.lineup import Lineup
from cs_ml.services.learning.shadows import ShadowService
from cs_ml.services.truth.accuracy import AccuracyService
from cs_ml.services.truth.validation import ValidationService
from cs_ml.store.database import Database
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.tables import AccountMLPrediction, ShadowPrediction
from tests.services.predictions.predicting import ScriptedEngine, TestClock
from tests.support.factories import NOW, add_account, add_activity, add_churn, add_prediction, add_tenant

RULES = RulesEngine(default_scorecard())
Spoken = tuple[int, str, bool | None]


def tight(most: int) -> ScriptedEngine:
    """A language model whose budget is used up after so many answers."""
    model = ScriptedEngine()

    def spend() -> None:
        if model.asked > most:
            raise EngineUnavailable("The budget is used up.", reason="budget")

    model.before = spend
    return model


@pytest.fixture
def actor(database: Database) -> Actor:
    return add_tenant(database)


@pytest.fixture
def customers(database: Database, actor: Actor) -> list[int]:
    """Four that a learned model answered for, the last of them too long ago."""
    found = [add_account(database, actor, name=f"Customer {number}") for number in range(4)]
    for number, account in enumerate(found):
        add_activity(database, actor, account)
        age = timedelta(days=40 if number == 3 else 1)
        valid = {"valid_until": NOW - age + timedelta(days=30), "as_of": NOW - age, "predicted_at": NOW - age}
        add_prediction(database, actor, account, engine="learned", **valid)
    return found


def shadows(
    database: Database, clock: TestClock, model: Engine | None = None, *, serves: bool = False
) -> ShadowService:
    def lineup(_actor: Actor, _at: object) -> Lineup:
        return Lineup(free=[ScriptedEngine(name="learned"), RULES], llm=serves)

    return ShadowService(database, clock, lineup, (lambda _actor: model) if model else None)


def spoken(database: Database, actor: Actor) -> list[Spoken]:
    row = ShadowPrediction
    with database.read(actor) as scope:
        rows = scope.execute(select(row.account_id, row.engine, row.actual_outcome).order_by(row.id)).all()
    return [(one.account_id, one.engine, one.actual_outcome) for one in rows]


def allow(database: Database, actor: Actor, share: int, budget: str | None = "10") -> None:
    with database.write(actor) as scope:
        settings = TenantSettingRepository(scope)
        settings.save("shadow_llm_percent", share, NOW)
        settings.save("llm_budget_usd_month", budget, NOW)


def test_those_that_do_not_serve_are_asked_once_for_as_long_as_an_answer_is_valid(
    database: Database, actor: Actor, customers: list[int]
) -> None:
    clock = TestClock()
    service = shadows(database, clock)
    assert (service.run(actor), service.run(actor)) == (3, 0)
    assert spoken(database, actor) == [(account, "rules", None) for account in customers[:3]]
    with database.read(actor) as scope:
        assert set(scope.execute(select(AccountMLPrediction.engine)).scalars()) == {"learned"}
    clock.advance(days=31)
    assert service.run(actor) == 0  # nobody has a valid prediction to compare with any more


@pytest.mark.usefixtures("customers")
def test_where_a_model_serves_the_others_are_all_in_the_shadow(database: Database, actor: Actor) -> None:
    shadows(database, TestClock(), ScriptedEngine(), serves=True).run(actor)
    assert {engine for _, engine, _ in spoken(database, actor)} == {"rules"}  # the learned one has just spoken aloud


@pytest.mark.usefixtures("customers")
@pytest.mark.parametrize(("share", "budget", "asked"), [(0, "10", 0), (100, None, 0), (100, "10", 3)])
def test_a_model_in_the_shadow_costs_only_what_was_allowed(
    database: Database, actor: Actor, share: int, budget: str | None, asked: int
) -> None:
    allow(database, actor, share, budget)
    model = ScriptedEngine()
    shadows(database, TestClock(), model).run(actor)
    assert model.asked == asked
    assert sum(engine == "llm" for _, engine, _ in spoken(database, actor)) == asked


@pytest.mark.usefixtures("customers")
def test_a_model_that_cannot_answer_is_not_asked_on(database: Database, actor: Actor) -> None:
    allow(database, actor, 100)
    model = tight(2)
    shadows(database, TestClock(), model).run(actor)
    assert [engine for _, engine, _ in spoken(database, actor)].count("llm") == 2


def test_the_sample_is_a_share_of_the_accounts(database: Database, actor: Actor) -> None:
    for number in range(60):
        add_prediction(database, actor, add_account(database, actor, name=f"Customer {number}"), engine="learned")
    allow(database, actor, 30)
    model = ScriptedEngine()
    shadows(database, TestClock(), model).run(actor)
    assert 8 <= model.asked <= 28


def test_they_are_judged_and_compared(database: Database, actor: Actor, customers: list[int]) -> None:
    clock = TestClock()
    shadows(database, clock).run(actor)
    add_churn(database, actor, customers[0], churned_at=NOW + timedelta(days=20))
    clock.advance(days=91)
    add_activity(database, actor, customers[1], completed_at=clock() - timedelta(minutes=1))
    accuracy, before = AccuracyService(database, clock), AccuracyService(database, clock).version(actor)
    report = ValidationService(database, clock).validate(actor)
    assert spoken(database, actor)[0] == (customers[0], "rules", True)
    assert spoken(database, actor)[1] == (customers[1], "rules", False)
    assert report.live.total == 4  # those that people were shown
    judged = accuracy.judged(actor, 90, replays=False)
    assert sorted(zip(judged.account.tolist(), judged.engine.tolist(), strict=True)) == sorted(
        [(account, "learned") for account in customers] + [(account, "rules") for account in customers[:3]]
    )
    assert not len(AccuracyService(database, clock).judged(actor, 90, replays=True))
    assert {place.engine for place in LeaderboardService(database, clock).settle(actor).places} == {"rules", "learned"}
    assert accuracy.version(actor) != before


def test_auto_is_settled_where_the_tenant_lets_it(database: Database, actor: Actor) -> None:
    board = LeaderboardService(database, lambda: NOW)
    assert board.settle_auto(actor) is None
    with database.write(actor) as scope:
        TenantSettingRepository(scope).save("champion", "auto", NOW)
    assert board.settle_auto(actor) is not None


def test_whom_it_is_not_for(database: Database, actor: Actor) -> None:
    viewer = Actor(tenant_id=actor.tenant_id, role=Role.VIEWER, user_id=actor.user_id)
    with pytest.raises(Forbidden):
        shadows(database, TestClock()).run(viewer)
    with pytest.raises(Forbidden):
        LeaderboardService(database, lambda: NOW).settle_auto(viewer)


def test_predictions_of_deleted_customers_cannot_be_judged(
    database: Database, actor: Actor, customers: list[int]
) -> None:
    add_prediction(database, actor, customers[0], engine="rules", status="EXPIRED")
    LeavingService(database, lambda: NOW).purge_account(actor, customers[0])
    new = add_account(database, actor, id=customers[0])  # a database may give a number again
    add_prediction(database, actor, new, engine="rules")
    for _ in range(2):
        report = ValidationService(database, lambda: NOW).validate(actor)
        assert {why.name: number for why, number in report.live.unjudged.items()} == {"DELETED": 2, "OPEN": 4}
    own = Actor(tenant_id=actor.tenant_id, role=Role.MEMBER, user_id=actor.user_id, scope="owned")
    assert "DELETED" not in {why.name for why in AccuracyService(database, lambda: NOW).state(own).live.unjudged}
