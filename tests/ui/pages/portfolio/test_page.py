"""The Portfolio page as each kind of user sees it."""

import json
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import AccountScope, Actor, Role
from cs_ml.domain.policy import FEED_STOPPED_DAYS
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from cs_ml.ui.screens.portfolio.filters import EVERYBODY, OWNER_PARAM
from cs_ml.ui.state import Key
from tests.support.apps import TIMEOUT_S, App
from tests.support.factories import (
    NOW,
    add_account,
    add_activity,
    add_cta,
    add_fact,
    add_prediction,
)
from tests.support.source import ROOT
from tests.ui.pages.portfolio.reading import figures, listed, opened, shown

PAGE = ROOT / "pages" / "portfolio.py"
HOSTILE = "![x](http://evil.example/x.png) =1+1"


@pytest.mark.usefixtures("accounts")
def test_nobody_sees_anything_without_an_actor(app: App) -> None:
    app.token = None
    test = AppTest.from_file(str(PAGE), default_timeout=TIMEOUT_S)
    test.run()
    assert shown(test).strip() == runtime.SIGN_IN_NOTICE
    assert [len(test.get(kind)) for kind in ("button", "metric", "dataframe", "selectbox")] == [0, 0, 0, 0]


@pytest.mark.usefixtures("accounts")
def test_the_own_accounts_come_first(app: App) -> None:
    test = opened(app)
    assert listed(test) == ["Fenbrook", "Larkmere"]
    assert figures(test) == {
        "Accounts": "2",
        "Average health": "40 of 100",
        "Revenue at risk": "48k USD",
        "Likely loss, 90 days": "0–74k",  # USD: 45.6k and 1.2816 standard deviations of 22.4k
        "Renewals in 30 days": "2",
        "Open CTAs": "1",
    }
    words = shown(test)
    for expected in (
        "2 with a valid prediction",
        "USD  \nfrom 2 accounts with prediction and revenue",
        "mean of 2 accounts",
        "−4.0 points in 30 days (2 accounts)",
    ):
        assert expected in words
    assert all(metric.help for metric in test.metric)
    assert test.query_params[OWNER_PARAM] != EVERYBODY


@pytest.mark.usefixtures("accounts")
def test_a_row_says_why_it_is_there(app: App) -> None:
    (table,) = opened(app).dataframe
    row = {name: str(cell).replace("\N{NO-BREAK SPACE}", " ") for name, cell in table.value.iloc[0].items()}
    assert row == {
        "#": "1",
        "Account": "Fenbrook",
        "Risk": "◆ Critical risk",
        "Chance": "85",
        "Why here": "85 % chance · 1.0× the average revenue · renewal in 30 days",
        "Health, 12 weeks": "[44 40]",
        "Main reasons": "Usage fell",
        "Renewal": "in 30 days · 30 Jul 2026",
        "Yearly revenue": "48,000 USD",
        "Owner": row["Owner"],
        "Last contact": "none known",
        "CTAs": "1 open, 1 overdue",
        "Prediction": "just now",
        "Data": "90 %",
        "Method": "Scorecard",
    }
    assert table.proto.alt


@pytest.mark.usefixtures("accounts")
def test_choosing_a_row_opens_its_account(app: App) -> None:
    test = opened(app)
    test.session_state[Key.QUEUE] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    test.run()
    assert not test.exception
    assert test.query_params == {"account": "FB-1"}
    assert [title.value for title in test.title] == ["Fenbrook"]


@pytest.mark.usefixtures("accounts")
def test_the_list_names_the_same(app: App) -> None:
    test = opened(app, **{Key.VIEW: "List"})
    assert not test.dataframe
    links = [(link.proto.label, link.proto.query_string) for link in test.get("page_link")]
    assert links[0] == ("**1. Fenbrook**", "account=FB-1")
    assert [label for label, _ in links] == ["**1. Fenbrook**", "**2. Larkmere**"]
    assert "85 % chance · 1.0× the average revenue · renewal in 30 days" in shown(test)


def test_a_quiet_morning(app: App, database: Database, actor: Actor) -> None:
    account = add_account(database, actor)
    add_activity(database, actor, account, completed_at=NOW)
    test = opened(app)
    assert "Nothing needs you as far as is known, but 1 account" in shown(test)
    add_prediction(database, actor, account, as_of=NOW, predicted_at=NOW)
    assert "Nothing needs you: no account at high risk, nothing overdue, checked just now." in shown(test.run())
    add_cta(database, actor, account, due_date=NOW - timedelta(days=3))
    assert "Nothing needs you" not in shown(test.run())


def test_where_no_data_arrives_silence_is_no_good_news(app: App, database: Database, actor: Actor) -> None:
    account = add_account(database, actor)
    add_activity(database, actor, account, completed_at=NOW - timedelta(days=FEED_STOPPED_DAYS + 1))
    add_prediction(database, actor, account, as_of=NOW, predicted_at=NOW)
    words = shown(opened(app))
    assert "Nothing is known to need you, but the newest data is of 22 days ago." in words.replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert "Nothing needs you" not in words


@pytest.mark.parametrize(
    ("seat", "words"),
    [
        ((Role.ADMIN, "all"), "cs-ml import FOLDER"),
        ((Role.VIEWER, "all"), "An administrator of this tenant can import them."),
        ((Role.MEMBER, "owned"), "You own no accounts yet"),
    ],
)
def test_an_empty_tenant_says_what_to_do(
    app: App, database: Database, actor: Actor, seat: tuple[Role, AccountScope], words: str
) -> None:
    role, scope = seat
    added = runtime.services().access.add_user(actor, "v@example.com", role=role, scope=scope)
    if scope == "owned":
        add_account(database, actor, name="Somebody else's")
    app.sign_in(Actor(tenant_id=actor.tenant_id, role=role, user_id=added.person.id, scope=scope))
    test = opened(app)
    assert words in shown(test)
    assert not test.dataframe
    assert not test.metric


def test_an_owned_scope_shows_and_counts_only_its_own(
    app: App, database: Database, actor: Actor, accounts: dict[str, int]
) -> None:
    added = runtime.services().access.add_user(actor, "m@example.com", role=Role.MEMBER, scope="owned")
    add_account(database, actor, name="Mine", owner_id=added.person.id)
    app.sign_in(Actor(tenant_id=actor.tenant_id, role=Role.MEMBER, user_id=added.person.id, scope="owned"))
    for owner in (EVERYBODY, str(actor.user_id), ""):
        test = opened(app, **{OWNER_PARAM: owner})
        assert listed(test) == ["Mine"]
        assert figures(test)["Accounts"] == "1"
        assert "Bob Colleague" not in json.dumps(test.selectbox(key=Key.ACCOUNTS_OF).options)
    assert accounts


def test_hostile_names_stay_text(app: App, database: Database, actor: Actor) -> None:
    account = add_account(database, actor, name=HOSTILE)
    add_fact(database, actor, account, "timeless", segment=HOSTILE, currency="USD")
    formula = add_account(database, actor, name="=1+1")
    for view in ("Table", "List"):
        test = opened(app, **{Key.VIEW: view, Key.SEARCH: "[x]", Key.SORT: "Name"})
        assert "**1 of 2 accounts**: “\\[x\\]”" in shown(test)
        labels = [link.proto.label for link in test.get("page_link")]
        assert all("![x](" not in label for label in labels)
    assert sorted(listed(opened(app))) == sorted([HOSTILE, "'=1+1"])
    assert formula
