"""The Operations page, and starting a batch from the Portfolio."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
import time_machine
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.jobs import BatchRequest, BatchRun, Finished, Job
from cs_ml.domain.llm.usage import Attempt, Fault, TokenUsage
from cs_ml.store.database import Database
from cs_ml.store.operations.batches import BatchRepository
from cs_ml.ui import runtime
from cs_ml.ui.state import Key
from tests.support.apps import TIMEOUT_S, App
from tests.support.factories import NOW, add_account, add_prediction, add_tenant
from tests.support.source import ROOT

PAGE = ROOT / "pages" / "operations.py"
KINDS = ("title", "header", "markdown", "caption", "text", "info", "success", "warning", "error", "metric", "progress")


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def actor(app: App, database: Database) -> Actor:
    """A signed-in owner of a tenant with four accounts."""
    made = add_tenant(database, "acme")
    for number in range(4):
        add_account(database, made, name=f"Account {number}")
    app.sign_in(made)
    return made


def shown(test: AppTest) -> str:
    assert not test.exception
    found = [element for kind in KINDS for element in test.get(kind)]
    words = [str(getattr(element, part, "")) for element in found for part in ("label", "value", "text")]
    return "\n".join(words).replace("\N{NO-BREAK SPACE}", " ")


def work_off(actor: Actor, run: BatchRun) -> None:
    """What a worker would do."""
    with runtime.services().database.read(actor) as scope:
        ids = tuple(BatchRepository(scope).left(run.id))
    job = Job(task="predict_chunk", tenant_id=actor.tenant_id, subject=run.id, account_ids=ids)
    runtime.services().tasks.run(job)


@pytest.mark.usefixtures("actor")
def test_nobody_sees_anything_without_an_actor(app: App) -> None:
    app.token = None
    test = AppTest.from_file(str(PAGE), default_timeout=TIMEOUT_S).run()
    assert shown(test).replace("None", "").strip() == runtime.SIGN_IN_NOTICE


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_the_page_is_for_those_who_manage_the_tenant(app: App, actor: Actor, database: Database, role: Role) -> None:
    with database.identity(write=True) as identity:
        identity.set_membership(actor.tenant_id, actor.user_id or 0, role, "all", NOW)
    app.sign_in(replace(actor, role=role))
    test = AppTest.from_file(str(PAGE), default_timeout=TIMEOUT_S).run()
    assert "may not manage the tenant" in shown(test)
    assert not test.metric


@pytest.mark.usefixtures("actor")
def test_before_anything_ran_it_says_what_to_do(app: App) -> None:
    words = shown(app.open("operations"))
    for expected in ("No batch yet", "The model was not asked in this period", "100 single predictions and 5 batches"):
        assert expected in words
    assert "Set OPENAI_API_KEY" in words
    assert "not known" in words


def test_a_batch_under_way_can_be_watched_and_cancelled(app: App, actor: Actor) -> None:
    run = runtime.services().runs.start(actor, BatchRequest())
    test = app.open("operations")
    assert "0 of 4 accounts" in shown(test)
    test.button(key=f"{Key.CANCEL}_{run.id}").click().run()
    assert not test.exception
    assert runtime.services().runs.get(actor, run.id).state == "cancelled"
    test.run()
    assert "4 accounts of the last batch were left out when it was cancelled." in shown(test)
    test.button(key=f"{Key.GO_ON}_{run.id}").click().run()
    assert not test.exception
    assert runtime.services().runs.get(actor, run.id).counts.left == 4
    assert "0 of 4 accounts" in shown(test)


def test_an_ended_batch_is_a_row_and_what_failed_can_be_tried_again(app: App, actor: Actor, database: Database) -> None:
    run = runtime.services().runs.start(actor, BatchRequest())
    with database.write(actor) as scope:
        batches = BatchRepository(scope)
        (claim,) = batches.claim(run.id, batches.left(run.id)[:1], now=NOW, until=NOW)
        batches.finish(claim, Finished(error="ML_UNAVAILABLE"), NOW)
    work_off(actor, run)
    test = app.open("operations")
    assert "1 account of the last batch failed: no method could answer (1)" in shown(test)
    row = next(table.value.iloc[0] for table in test.dataframe if "Computed" in table.value)
    assert (row["Accounts"], row["Computed"], row["Failed"], row["Ended"]) == (4, 3, 1, "done")
    test.button(key=f"{Key.RETRY}_{run.id}").click().run()
    assert runtime.services().runs.get(actor, run.id).counts.left == 1


def test_the_models_calls_are_counted_by_day_and_reason(app: App, actor: Actor, database: Database) -> None:
    add_prediction(database, actor, add_account(database, actor), predicted_at=NOW, fallback_reason="timeout")
    attempt = Attempt(
        operation="churn-prediction",
        model="a *model*",
        usage=TokenUsage(prompt=900, completion=100),
        latency_ms=1500,
        success=True,
        error_type=None,
        cost=Decimal("0.25"),
        price_version="1",
        created_at=NOW,
    )
    failed = replace(attempt, success=False, error_type=Fault.TIMEOUT, cost=None)
    runtime.services().usage.settle(actor, [attempt, failed], account_id=None, reservation=None)
    test = app.open("operations")
    words = shown(test)
    for expected in ("1.5 seconds", "50 %", "of 2 calls", "0.2500 USD for 2 calls in 30 days, and 1 call of unknown"):
        assert expected in words
    table = next(table.value for table in test.dataframe if "Tokens in" in table.value)
    assert table.iloc[0]["Model"] == "a *model*"  # cells are no Markdown
    assert (table.iloc[0]["Calls"], table.iloc[0]["Failed"], table.iloc[0]["Tokens in"]) == (2, 1, 1800)
    reasons = next(table.value for table in test.dataframe if "Predictions" in table.value)
    assert list(reasons["Why another engine answered"]) == ["The model took too long."]


def test_answers_that_came_overnight_have_no_time(app: App, actor: Actor) -> None:
    late = Attempt(
        operation="churn-prediction",
        model="a model",
        usage=TokenUsage(prompt=900, completion=100),
        latency_ms=None,
        success=True,
        error_type=None,
        cost=Decimal("0.25"),
        price_version="1",
        created_at=NOW,
    )
    runtime.services().usage.settle(actor, [late], account_id=None, reservation=None)
    words = shown(app.open("operations"))
    assert "all were asked overnight" in words
    assert "0.2500 USD for 1 call in 30 days" in words


def test_the_portfolio_tells_number_and_cost_before_a_batch_is_started(app: App, actor: Actor) -> None:
    test = app.open()
    test.button(key=Key.BATCH).click().run()
    test.radio(key=f"{Key.BATCH}_filter").set_value("all")
    test.button(key=Key.BATCH).click().run()
    words = shown(test)
    assert "4 accounts will be predicted; without cost. You may start 5 batches more today." in words
    test.button(key=f"{Key.BATCH}_start").click().run()
    (run,) = runtime.services().runs.list(actor)
    assert (run.state, run.counts.total, run.user_id) == ("running", 4, actor.user_id)
    work_off(actor, run)
    test.button(key=Key.BATCH).click().run()
    assert "4 accounts predicted." in shown(test)


def test_a_batch_that_was_cancelled_goes_on_from_where_it_was_started(app: App, actor: Actor) -> None:
    test = app.open()
    test.button(key=Key.BATCH).click().run()
    test.radio(key=f"{Key.BATCH}_filter").set_value("all")
    test.button(key=Key.BATCH).click().run()
    test.button(key=f"{Key.BATCH}_start").click().run()
    (run,) = runtime.services().runs.list(actor)
    runtime.services().runs.cancel(actor, run.id)
    test.button(key=Key.BATCH).click().run()
    assert "4 accounts of it were left out when it was cancelled." in shown(test)
    test.button(key=f"{Key.GO_ON}_{run.id}").click().run()
    assert runtime.services().runs.get(actor, run.id).counts.left == 4


def test_a_batch_may_wait_for_the_night_where_that_is_on(
    app: App, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = app.open()
    test.button(key=Key.BATCH).click().run()
    assert not [box for box in test.checkbox if box.key == f"{Key.BATCH}_overnight"]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("CS_ML_LLM_BATCH_API", "true")
    runtime.services.cache_clear()
    test = app.open()
    test.button(key=Key.BATCH).click().run()
    test.radio(key=f"{Key.BATCH}_filter").set_value("all")
    test.checkbox(key=f"{Key.BATCH}_overnight").check()
    test.button(key=Key.BATCH).click().run()
    assert "the cost is not known until the model has answered once; answered within a day" in shown(test)
    test.button(key=f"{Key.BATCH}_start").click().run()
    (run,) = runtime.services().runs.list(actor)
    assert (run.state, run.request.overnight) == ("running", True)
    words = shown(app.open("operations"))
    assert "Asked overnight: the model's provider answers within a day" in words
    assert "It is asked when somebody refreshes a prediction, and in batches." in words


def test_a_viewer_cannot_start_one(app: App, actor: Actor, database: Database) -> None:
    with database.identity(write=True) as identity:
        identity.set_membership(actor.tenant_id, actor.user_id or 0, Role.VIEWER, "all", NOW)
    assert Key.BATCH not in {button.key for button in app.open().button}
