"""Backtests: the same code on past days, kept apart, stopped and taken up again, blind to what came later."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.context import AccountContext, TenantReference
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.domain.predictions import EngineName, Provenance
from cs_ml.domain.truth.backtests import BacktestRequest, BacktestStatus
from cs_ml.engines.base import Answer, Engine
from cs_ml.evaluation.report import Evaluation
from cs_ml.services.truth.accuracy import AccuracyService
from cs_ml.services.truth.backtests import BacktestService
from cs_ml.services.truth.replaying import EngineAt
from cs_ml.store.database import Database
from cs_ml.store.tables import AccountMLPrediction, ChurnEvent
from tests.services.predictions.predicting import RULES, ScriptedEngine, unavailable
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_backtest,
    add_churn,
    add_health,
    add_opportunity,
    add_tenant,
)

DAYS = [date(2025, 12, 1), date(2026, 1, 30), date(2026, 3, 31)]


def request(engine: EngineName = "rules", **options: Any) -> BacktestRequest:
    return BacktestRequest(engine=engine, **{"first": DAYS[0], "last": DAYS[-1], "every_days": 60, **options})


def always(engine: Engine | None) -> EngineAt:
    return lambda _actor, _at: engine


def service(database: Database, engine: Engine | None = RULES, name: EngineName = "rules") -> BacktestService:
    return BacktestService(database, lambda: NOW, {name: always(engine)})


@pytest.fixture
def actor(database: Database) -> Actor:
    """Twelve customers since 2024; every fourth leaves in the spring."""
    made = add_tenant(database)
    for number in range(12):
        account = add_account(database, made)
        for week in range(20):
            at = datetime(2025, 10, 1, 9, tzinfo=NOW.tzinfo) + timedelta(weeks=week, days=number % 5)
            add_activity(database, made, account, completed_at=at)
        add_health(database, made, account, calculated_at=NOW - timedelta(days=120), overall_score=30 + number)
        if number % 4 == 0:
            add_churn(database, made, account, churned_at=NOW - timedelta(days=80 - number))
    add_activity(database, made, add_account(database, made, created_at=NOW), completed_at=NOW)
    return made


def replays(database: Database, actor: Actor) -> list[tuple[int, datetime, float]]:
    row = AccountMLPrediction
    with database.read(actor) as scope:
        found = scope.execute(select(row.account_id, row.as_of, row.probability, row.origin, row.status)).all()
    assert {one.origin for one in found} <= {"replay"}
    assert {one.status for one in found} <= {"VALIDATED", "EXPIRED"}
    return sorted((one.account_id, one.as_of, one.probability) for one in found)


def test_it_predicts_and_judges_every_customer_of_each_day(database: Database, actor: Actor) -> None:
    told: list[tuple[date, int]] = []
    report = service(database).run(actor, request(), progress=lambda day, done: told.append((day, done)))
    assert [one.day for one in report.dates] == DAYS
    assert [(one.predictions, one.judged, one.churned) for one in report.dates] == [
        (12, 12, 0),
        (12, 12, 3),
        (12, 12, 3),
    ]
    assert told == [(day, 12) for day in DAYS]
    assert (report.finished, report.stored, report.predictions) == (True, False, 36)
    # 1 December and 31 March are a window apart, 30 January lies within the first one
    assert (report.headline.n, report.headline.churned) == (24, 3)
    assert (report.every.n, report.every.churned) == (36, 6)
    assert replays(database, actor) == []


def figures(found: Evaluation) -> dict[str, float | None]:
    return {name: one.value for name, one in found.figures.items()}


def test_a_leak_dated_later_raises_no_figure(database: Database, actor: Actor) -> None:
    """Whoever leaves gets loud signs, a day before the churn and after it: later than each day that is asked."""
    asked = request(last=DAYS[1])
    before = service(database).run(actor, asked)
    for days in (-1, 1):
        plant(database, actor, lambda churned_at, days=days: churned_at + timedelta(days=days))
    after = service(database).run(actor, asked)
    assert figures(after.headline) == figures(before.headline)
    assert figures(after.every) == figures(before.every)
    plant(database, actor, lambda _: asked.instants[-1] - timedelta(days=1))  # known on the day, they count
    assert figures(service(database).run(actor, asked).every) != figures(before.every)


def plant(database: Database, actor: Actor, when: Any) -> None:
    for churned_at, account in leavers(database, actor).items():
        at = when(churned_at)
        details = {"sentiment": "NEGATIVE"}
        add_activity(database, actor, account, completed_at=at, subject="cancelled", details=details)
        add_health(database, actor, account, calculated_at=at, overall_score=0)
        add_opportunity(database, actor, account, created_at=at, status="LOST", name="lost")


def leavers(database: Database, actor: Actor) -> dict[datetime, int]:
    with database.read(actor) as scope:
        rows = scope.execute(select(ChurnEvent.churned_at, ChurnEvent.account_id)).all()
    return {row.churned_at: row.account_id for row in rows}


def test_what_is_kept_is_the_same_and_stays_apart(database: Database, actor: Actor) -> None:
    plain = service(database).run(actor, request())
    kept = service(database).run(actor, request(), store=True)
    assert (figures(kept.headline), figures(kept.every)) == (figures(plain.headline), figures(plain.every))
    assert len(replays(database, actor)) == 36
    state = AccuracyService(database, lambda: NOW).state(actor)
    assert (state.live.total, state.replayed.judged) == (0, 36)
    judged = AccuracyService(database, lambda: NOW).judged(actor, 90, replays=True)
    assert int(judged.headline.sum()) == kept.headline.n
    (run,) = service(database).list(actor)
    assert (run.status, run.done, run.dates, run.predictions) == (BacktestStatus.DONE, 3, 3, 36)


class StopsError(Exception):
    """Somebody pulls the plug."""


def test_it_goes_on_where_it_stopped(database: Database, actor: Actor) -> None:
    computed = 0

    def note() -> None:
        nonlocal computed
        computed += 1
        if computed == 20:
            raise StopsError

    engine = ScriptedEngine(name="rules", before=note)
    with pytest.raises(StopsError):
        service(database, engine).run(actor, request(), store=True)
    assert len(replays(database, actor)) == 12  # the first day is kept
    assert service(database).list(actor)[0].status is BacktestStatus.STOPPED
    report = service(database, engine).run(actor, request(), store=True)
    assert (computed, report.predictions, len(replays(database, actor))) == (20 + 24, 36, 36)
    service(database, engine).run(actor, request(), store=True)
    assert computed == 44


def test_somebody_else_may_stop_it(database: Database, actor: Actor) -> None:
    def stop(_day: date, _done: int) -> None:
        (run,) = service(database).list(actor)
        service(database).cancel(actor, run.id)

    report = service(database).run(actor, request(), store=True, progress=stop)
    assert (report.finished, [one.day for one in report.dates]) == (False, DAYS[:1])
    (run,) = service(database).list(actor)
    assert (run.status, run.cancelled) == (BacktestStatus.STOPPED, True)
    with pytest.raises(NotFound):
        service(database).cancel(actor, run.id)
    assert service(database).run(actor, request(), store=True).finished


def test_the_same_does_not_run_twice_at_once(database: Database, actor: Actor) -> None:
    key = {"first_day": DAYS[0].isoformat(), "last_day": DAYS[-1].isoformat(), "every_days": 60}
    add_backtest(database, actor, **key)
    with pytest.raises(Invalid, match="runs already"):
        service(database).run(actor, request(), store=True)
    later = BacktestService(database, lambda: NOW + timedelta(minutes=11), {"rules": always(RULES)})
    assert later.run(actor, request(), store=True).finished  # the other one has died


def test_days_on_which_the_engine_could_not_have_served(database: Database, actor: Actor) -> None:
    def trained_by(_actor: Actor, at: datetime) -> Engine | None:
        return None if at.date() == DAYS[0] else RULES

    report = BacktestService(database, lambda: NOW, {"learned": trained_by}).run(actor, request("learned"))
    assert (report.without_engine, [one.day for one in report.dates]) == (DAYS[:1], DAYS[1:])


@dataclass
class Model:
    """Answers as the rules do, at a price."""

    cost: Decimal | None
    asked: int = 0
    name: EngineName = "llm"
    version: str = "p1"

    def assess(self, context: AccountContext, reference: TenantReference, window_days: int) -> Answer:
        self.asked += 1
        answer = RULES.assess(context, reference, window_days)
        return replace(answer, provenance=Provenance(engine="llm", version="p1", model="small", cost=self.cost))


MODEL: dict[str, Any] = {"max_calls": 7, "max_cost": Decimal(1)}


def test_a_language_model_is_asked_so_often_at_most(database: Database, actor: Actor) -> None:
    engine = Model(cost=Decimal("0.01"))
    report = service(database, engine, "llm").run(actor, request("llm", **MODEL))
    assert (engine.asked, [one.predictions for one in report.dates]) == (7, [2, 2, 3])


def test_a_language_model_costs_so_much_at_most(database: Database, actor: Actor) -> None:
    report = service(database, Model(cost=Decimal("0.5")), "llm").run(actor, request("llm", **MODEL))
    assert (report.predictions, report.finished) == (2, False)
    with pytest.raises(Invalid, match="price of the model"):
        service(database, Model(cost=None), "llm").run(actor, request("llm", **MODEL))


def test_what_gets_no_answer_is_counted(database: Database, actor: Actor) -> None:
    engine = ScriptedEngine(failure=unavailable())
    report = service(database, engine, "llm").run(actor, request("llm", **MODEL))
    assert (report.failed, report.predictions, report.headline.n) == (7, 0, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window_days": 20}, "window"),
        ({"every_days": 0}, "a day or more"),
        ({"first": date(2026, 6, 1)}, "after the last"),
        ({"first": date(2000, 1, 1), "every_days": 1}, "dates"),
        ({"engine": "llm"}, "costs money"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        request(**options)


def test_who_and_when(database: Database, actor: Actor) -> None:
    with pytest.raises(Invalid, match="of the past"):
        service(database).run(actor, request(last=NOW.date(), every_days=1, first=NOW.date()))
    with pytest.raises(Invalid, match="not set up"):
        service(database).run(actor, request("learned"))
    viewer = Actor(tenant_id=actor.tenant_id, role=Role.VIEWER, user_id=actor.user_id)
    limited = Actor(tenant_id=actor.tenant_id, role=Role.MEMBER, user_id=actor.user_id, scope="owned")
    for other in (viewer, limited):
        with pytest.raises(Forbidden):
            service(database).run(other, request())
