"""The Portfolio page as each kind of user sees it."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import AccountScope, Actor, Role
from cs_ml.domain.errors import Forbidden
from cs_ml.domain.portfolio import PAGE_ROWS
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from cs_ml.ui.portfolio.filters import EVERYBODY, OWNER_PARAM
from cs_ml.ui.state import Key
from tests.factories import (
    NOW,
    add_account,
    add_cta,
    add_fact,
    add_health,
    add_prediction,
    add_reference,
    add_tenant,
    add_user,
)
from tests.support.apps import TIMEOUT_S, App
from tests.support.source import ROOT

PAGE = ROOT / "pages" / "portfolio.py"
HOSTILE = "![x](http://evil.example/x.png) =1+1"


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def actor(app: App, database: Database) -> Actor:
    """A signed-in owner of a tenant."""
    made = add_tenant(database, "acme")
    app.sign_in(made)
    return made


@pytest.fixture
def accounts(database: Database, actor: Actor) -> dict[str, int]:
    """Two accounts of the actor's, one of a colleague's."""
    bob = add_user(database, name="Bob Colleague")
    made = {
        "Fenbrook": add_account(database, actor, name="Fenbrook"),
        "Larkmere": add_account(database, actor, name="Larkmere"),
        "Thornabee": add_account(database, actor, name="Thornabee", owner_id=bob),
    }
    risks = {"Fenbrook": (0.85, "critical"), "Larkmere": (0.1, "low"), "Thornabee": (0.65, "high")}
    for name, (probability, band) in risks.items():
        account = made[name]
        add_fact(database, actor, account, "timeless", valid_from=datetime(1970, 1, 1, tzinfo=UTC), currency="USD")
        add_fact(database, actor, account, arr=48_000, renewal_date=NOW + timedelta(days=30))
        add_health(database, actor, account, overall_score=40)
        add_health(database, actor, account, overall_score=44, calculated_at=NOW - timedelta(days=31))
        add_prediction(database, actor, account, probability=probability, category=band, drivers=["Usage fell"])
    add_cta(database, actor, made["Fenbrook"], due_date=NOW - timedelta(days=4))
    add_reference(database, actor, made["Fenbrook"], "FB-1")
    return made


def opened(app: App, **query: str) -> AppTest:
    test = app.open(**query)
    assert not test.exception
    return test


def shown(test: AppTest) -> str:
    """Every word on the page outside of tables, with plain spaces."""
    assert not test.exception
    kinds = ("title", "markdown", "caption", "text", "info", "success", "warning", "error", "metric", "button")
    found = [element for kind in kinds for element in test.get(kind)]
    words = [str(getattr(element, part, "")) for element in found for part in ("label", "value")]
    return "\n".join(words).replace("\N{NO-BREAK SPACE}", " ")


def listed(test: AppTest) -> list[str]:
    (table,) = test.dataframe
    return list(table.value["Account"])


def figures(test: AppTest) -> dict[str, str]:
    return {metric.label: metric.value.replace("\N{NO-BREAK SPACE}", " ") for metric in test.metric}


def press(test: AppTest, label: str) -> AppTest:
    (found,) = [button for button in test.button if label in button.label]
    found.click().run()
    assert not test.exception
    return test


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
        "Loss in 90 days": "0–74k USD",  # 45.6k and 1.2816 standard deviations of 22.4k
        "Renewals in 30 days": "2",
        "Open CTAs": "1",
    }
    words = shown(test)
    for expected in ("2 with a valid prediction", "mean of 2 accounts", "−4.0 points in 30 days (2 accounts)"):
        assert expected in words
    assert all(metric.help for metric in test.metric)
    assert test.query_params[OWNER_PARAM] != EVERYBODY


@pytest.mark.usefixtures("accounts")
def test_everybodys_and_a_colleagues(app: App) -> None:
    test = opened(app, **{OWNER_PARAM: EVERYBODY})
    assert listed(test) == ["Fenbrook", "Thornabee", "Larkmere"]
    (bob,) = [option for option in test.selectbox(key=Key.ACCOUNTS_OF).options if "Bob Colleague" in option]
    test.selectbox(key=Key.ACCOUNTS_OF).select_index(test.selectbox(key=Key.ACCOUNTS_OF).options.index(bob)).run()
    assert listed(test) == ["Thornabee"]
    assert listed(opened(app, **{OWNER_PARAM: str(test.query_params[OWNER_PARAM])})) == ["Thornabee"]


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("owner", ["999999", "-1", "x", "' OR 1=1", ""])
def test_an_owner_that_is_none_is_the_reader(app: App, owner: str) -> None:
    assert listed(opened(app, **{OWNER_PARAM: owner})) == ["Fenbrook", "Larkmere"]


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
def test_a_figure_lists_what_it_is_made_of_and_reset_leads_back(app: App) -> None:
    test = opened(app, **{OWNER_PARAM: EVERYBODY})
    press(test, "1 overdue")
    assert listed(test) == ["Fenbrook"]
    assert "**1 of 3 accounts**: Overdue CTAs" in shown(test)
    press(test, "1 × high risk, no open cta")
    assert listed(test) == ["Thornabee"]
    assert "**1 of 3 accounts**: High risk, no open CTA" in shown(test)
    press(test, "Reset filters")
    assert len(listed(test)) == 3
    assert "of 3 accounts**" not in shown(test)


@pytest.mark.usefixtures("accounts")
def test_filters_come_from_the_address_and_odd_ones_are_ignored(app: App) -> None:
    found = opened(app, **{OWNER_PARAM: EVERYBODY, Key.BANDS: "High"})
    assert listed(found) == ["Thornabee"]
    assert listed(opened(app, **{OWNER_PARAM: EVERYBODY, Key.SEARCH: "fb-1"})) == ["Fenbrook"]
    odd: dict[str, str] = {
        Key.BANDS: "Enormous",
        Key.RENEWAL: "-5",
        Key.SORT: "drop table",
        Key.WORK: "x",
        Key.FLAGS: "y",
    }
    assert len(listed(opened(app, **{OWNER_PARAM: EVERYBODY, **odd}))) == 3


@pytest.mark.usefixtures("accounts")
def test_nothing_found_says_what_to_do(app: App) -> None:
    test = opened(app, **{Key.SEARCH: "nobody is called so"})
    assert not test.dataframe
    assert "No account matches these filters" in shown(test)
    assert len(listed(press(test, "Reset filters"))) == 2


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


def test_pages(app: App, database: Database, actor: Actor) -> None:
    for number in range(PAGE_ROWS + 3):
        add_account(database, actor, name=f"Account {number:03}")
    test = opened(app, **{Key.SORT: "Name"})
    assert (listed(test)[0], len(listed(test))) == ("Account 000", PAGE_ROWS)
    press(test, "Next")
    assert listed(test) == ["Account 050", "Account 051", "Account 052"]
    (table,) = test.dataframe
    assert list(table.value["#"]) == [51, 52, 53]
    assert "51 to 53 of 53 accounts" in shown(test)
    press(test, "Previous")
    assert listed(test)[0] == "Account 000"
    press(test, "Next")
    test.text_input(key=Key.SEARCH).set_value("account").run()
    assert listed(test)[0] == "Account 000"  # another question starts at its first page


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the download button was given: `make` answers what the browser saves as `name`."""
    given: dict[str, Any] = {}

    def note(_label: str, data: Any, file_name: str, *_rest: Any, **_more: Any) -> bool:
        given.update(make=data, name=file_name)
        return False

    monkeypatch.setattr("streamlit.download_button", note)
    return given


@pytest.mark.usefixtures("accounts")
def test_the_file_holds_the_filtered_rows(app: App, database: Database, actor: Actor, saved: dict[str, Any]) -> None:
    add_account(database, actor, name="=HYPERLINK(1)")
    opened(app, **{OWNER_PARAM: EVERYBODY, Key.BANDS: "Critical"})
    assert saved["name"] == "acme-portfolio-2026-06-30.csv"
    (row,) = csv.DictReader(io.StringIO(saved["make"]().decode("utf-8-sig")))
    expected = {
        "reference": "FB-1",
        "name": "Fenbrook",
        "risk": "critical",
        "probability": "0.85",
        "arr": "48000.00",
        "currency": "USD",
        "renewal_date": "2026-07-30",
        "health_score": "40",
        "overdue_ctas": "1",
        "method": "rules",
    }
    assert row.items() >= expected.items()
    opened(app, **{OWNER_PARAM: EVERYBODY, Key.SEARCH: "hyperlink"})
    (row,) = csv.DictReader(io.StringIO(saved["make"]().decode("utf-8-sig")))
    assert (row["name"], row["probability"], row["risk"]) == ("'=HYPERLINK(1)", "", "")


@pytest.mark.usefixtures("accounts")
def test_no_file_for_whom_is_not_signed_in_any_more(app: App, saved: dict[str, Any]) -> None:
    opened(app)
    assert saved["make"]()
    runtime.sessions().end(app.token or "")
    with pytest.raises(Forbidden):
        saved["make"]()


def test_a_quiet_morning(app: App, database: Database, actor: Actor) -> None:
    account = add_account(database, actor)
    test = opened(app)
    assert "Nothing needs you as far as is known, but 1 account" in shown(test)
    add_prediction(database, actor, account, as_of=NOW, predicted_at=NOW)
    assert "Nothing needs you: no account at high risk, nothing overdue, checked just now." in shown(test.run())
    add_cta(database, actor, account, due_date=NOW - timedelta(days=3))
    assert "Nothing needs you" not in shown(test.run())


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
