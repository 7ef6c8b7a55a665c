"""The Accuracy page as each kind of user sees it."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import AccountScope, Actor, Role
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from cs_ml.ui.screens.accuracy.choices import Section, Source
from cs_ml.ui.state import Key
from tests.services.counting import statements
from tests.support.apps import TIMEOUT_S, App
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_backtest,
    add_churn,
    add_fact,
    add_prediction,
    add_reference,
    add_tenant,
)
from tests.support.source import ROOT

PAGE = ROOT / "pages" / "accuracy.py"


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def actor(app: App, database: Database) -> Actor:
    """A signed-in owner, whose tenant records churn."""
    made = add_tenant(database, "acme")
    witness = add_account(database, made, owner_id=made.user_id)
    add_activity(database, made, witness, completed_at=NOW)
    app.sign_in(made)
    return made


Judge = Callable[..., list[int]]


@pytest.fixture
def judge(database: Database, actor: Actor) -> Judge:
    """Customers with one prediction of 100 days ago each, `left` of whom have left since; judged."""

    def add(customers: int, left: int, *, origin: str = "single") -> list[int]:
        at = NOW - timedelta(days=100)
        accounts = []
        for number in range(customers):
            account = add_account(database, actor, name=f"Customer {number:02}", owner_id=actor.user_id)
            add_reference(database, actor, account, f"C-{number:02}")
            add_fact(database, actor, account, "timeless", segment="SMB", currency="USD")
            add_fact(database, actor, account, arr=1000, valid_from=NOW - timedelta(days=400))
            gone = number < left
            if gone:
                add_churn(database, actor, account, churned_at=at + timedelta(days=30))
            add_prediction(
                database,
                actor,
                account,
                predicted_at=at,
                as_of=at,
                valid_until=at + timedelta(days=30),
                status="EXPIRED",
                origin=origin,
                probability=0.5 if gone and number % 2 else 0.1 + number / 1000,
            )
            accounts.append(account)
        runtime.services().validation.validate(actor)
        return accounts

    return add


def opened(app: App, **query: str) -> AppTest:
    """The page at this address, drawn once."""
    test = app.open()
    test.query_params.update(query)
    return test.switch_page(str(PAGE)).run()


def shown(test: AppTest) -> str:
    kinds = ("markdown", "caption", "text", "metric", "info", "warning", "error", "header", "subheader", "title")
    elements: list[Any] = [element for kind in kinds for element in test.get(kind)]
    return "\n".join(str(element.value) for element in elements).replace("\N{NO-BREAK SPACE}", " ")


def test_nobody_sees_anything_without_an_actor(app: App, judge: Judge) -> None:
    judge(3, 1)
    app.token = None
    test = AppTest.from_file(str(PAGE), default_timeout=TIMEOUT_S)
    test.run()
    assert shown(test).strip() == runtime.SIGN_IN_NOTICE


@pytest.mark.usefixtures("actor")
def test_an_empty_tenant_says_what_to_do(app: App) -> None:
    test = opened(app)
    assert not test.exception
    assert "No prediction is stored yet" in shown(test)
    test = opened(app, **{Key.SOURCE: Source.BACKTEST})
    assert "No backtest is judged yet" in shown(test)


def test_few_are_grey_and_say_so(app: App, judge: Judge) -> None:
    judge(5, 1)
    test = opened(app)
    words = shown(test)
    assert "**5 judged** · 0 still open · 0 cannot be judged" in words
    assert "Too few to tell: 5 predictions with 1 churn. From 30 predictions and 10 churns on" in words
    assert not test.metric
    assert words.count(":gray[**") == 4


def test_enough_are_shown_beside_what_they_have_to_beat(app: App, judge: Judge) -> None:
    judge(60, 20)
    test = opened(app)
    words = shown(test)
    assert not test.exception
    assert "Too few" not in words
    assert [metric.label for metric in test.metric] == [
        "Skill against the usual rate",
        "Pairs in the right order",
        "Usual error of a chance",
        "Leavers in the top tenth",
    ]
    assert all(metric.help for metric in test.metric)
    assert "From 60 predictions of 60 customers; 20 left (33 %, the usual rate here)." in words
    rows = test.dataframe[0].value
    assert list(rows["Forecast"]) == ["Scorecard", "The usual rate for everybody", "“Everybody stays”"]
    assert list(rows["Skill, 95 %"])[1] == "by definition"


@pytest.mark.parametrize("section", list(Section))
def test_every_section_is_drawn_with_its_numbers(app: App, judge: Judge, section: Section) -> None:
    judge(40, 12)
    test = opened(app, **{Key.SECTION: section})
    assert not test.exception
    tables = {table.proto.alt for table in test.dataframe}
    assert len(tables) >= 2, section
    charts = test.get("plotly_chart")
    assert all(chart.proto.alt for chart in charts)
    assert len(charts) == (0 if section is Section.MISSES else 1)


def test_the_sliders_ask_nothing_of_predictions(app: App, judge: Judge) -> None:
    judge(40, 12)
    test = opened(app, **{Key.SECTION: Section.THRESHOLD})
    with statements(runtime.services().database) as seen:
        test.slider(key=Key.THRESHOLD).set_value(20).run()
    read = [statement for statement in seen if "AccountMLPrediction" in statement]
    assert len(read) <= 7  # what the page itself asks for, and no judged row
    assert not any("churned_at" in statement for statement in read)
    assert "6 of 6" in shown(test)  # each warning from 20 % on came true


def test_a_miss_opens_the_account_as_it_was(app: App, judge: Judge) -> None:
    judge(40, 12)
    test = opened(app, **{Key.SECTION: Section.MISSES, Key.THRESHOLD: "30"})
    misses = test.dataframe[1].value
    assert next(iter(misses["Account"])) == "Customer 00"
    assert next(iter(misses["Left on"])) == date(2026, 4, 21)
    test.session_state[Key.MISSES] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    test.run()
    assert test.query_params == {"account": "C-00", "as_of": "2026-03-22"}


def test_live_and_backtests_are_never_mixed(app: App, judge: Judge, database: Database, actor: Actor) -> None:
    judge(40, 12, origin="replay")
    add_backtest(database, actor)
    test = opened(app)  # nothing live is judged: backtests come first
    assert "**40 judged**" in shown(test)
    stop = next(button for button in test.button if button.label.startswith("Stop: Scorecard"))
    stop.click().run()
    assert runtime.services().backtests.list(actor)[0].cancelled
    test = opened(app, **{Key.SOURCE: Source.LIVE})
    assert "**0 judged**" in shown(test)


@pytest.mark.parametrize(("seat", "number"), [((Role.VIEWER, "all"), "5"), ((Role.MEMBER, "owned"), "0")])
def test_other_users_see_what_is_theirs(
    app: App, judge: Judge, actor: Actor, seat: tuple[Role, AccountScope], number: str
) -> None:
    judge(5, 1)
    opened(app)  # the cache is filled by who sees everything
    role, scope = seat
    added = runtime.services().access.add_user(actor, "v@example.com", role=role, scope=scope)
    app.sign_in(Actor(tenant_id=actor.tenant_id, role=role, user_id=added.person.id, scope=scope))
    test = opened(app)
    assert f"**{number} judged**" in shown(test)


def test_marking_a_customer_as_left(app: App, database: Database, actor: Actor) -> None:
    account = add_account(database, actor, name="Fenbrook")
    test = app.open()
    test.query_params.update({"account": str(account)})
    test.switch_page(str(ROOT / "pages" / "account.py")).run()
    test.session_state[Key.CHURNED] = True
    test.run()
    test.text_input(key=f"{Key.CHURNED}_why_{account}").set_value("![x](http://evil.example/x.png)")
    next(button for button in test.button if button.label == "Mark as left").click().run()
    assert not test.exception
    assert "Marked as left on **30 Jun 2026**" in shown(test)
    assert runtime.services().outcomes.recorded(actor, account) is not None
    test.button(key=f"{Key.CHURNED}_undo_{account}").click().run()
    assert runtime.services().outcomes.recorded(actor, account) is None
    assert "Marked as left" not in shown(test)


def test_a_viewer_marks_nobody(app: App, database: Database, actor: Actor) -> None:
    account = add_account(database, actor)
    added = runtime.services().access.add_user(actor, "v@example.com", role=Role.VIEWER, scope="all")
    app.sign_in(Actor(tenant_id=actor.tenant_id, role=Role.VIEWER, user_id=added.person.id))
    test = app.open()
    test.query_params.update({"account": str(account)})
    test.switch_page(str(ROOT / "pages" / "account.py")).run()
    assert "Has this customer left?" not in [fold.label for fold in test.expander]
