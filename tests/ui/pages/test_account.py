"""The Account page as each kind of user sees it."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import AccountScope, Actor, Role
from cs_ml.store.database import Database
from cs_ml.store.tables import AccountFact
from cs_ml.ui import runtime
from cs_ml.ui.state import Key
from tests.support.apps import TIMEOUT_S, App
from tests.support.factories import NOW, add_account, add_activity, add_churn, add_cta, add_health, add_tenant
from tests.support.source import ROOT

PAGE = ROOT / "pages" / "account.py"
NO_SUCH = "There is no such account"


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def actor(app: App, database: Database) -> Actor:
    """A signed-in owner."""
    made = add_tenant(database, "acme")
    app.sign_in(made)
    return made


@pytest.fixture
def account(database: Database, actor: Actor) -> int:
    """A customer with half a year of falling health, some activity, an open CTA and a contract."""
    account_id = add_account(database, actor, name="Fenbrook Freight")
    for week in range(26):
        add_health(database, actor, account_id, calculated_at=NOW - timedelta(weeks=week), overall_score=30 + week)
    for day in (3, 20, 40, 70):
        add_activity(database, actor, account_id, completed_at=NOW - timedelta(days=day), subject="=SUM(A1)")
    add_cta(database, actor, account_id, title="Call them", created_at=NOW - timedelta(days=12))
    contract = {"arr": 48000, "currency": "USD", "renewalDate": NOW + timedelta(days=30), "createdAt": NOW}
    with database.write(actor) as scope:
        for kind, since in (("changed", NOW - timedelta(days=300)), ("timeless", datetime(1970, 1, 1, tzinfo=UTC))):
            scope.insert(AccountFact, [{"accountId": account_id, "kind": kind, "validFrom": since, **contract}])
    return account_id


def opened(app: App, **query: str) -> AppTest:
    """The page at this address, drawn once."""
    test = app.open()
    test.query_params.update(query)
    return test.switch_page(str(PAGE)).run()


def shown(test: AppTest) -> str:
    """Every word on the page, with plain spaces."""
    assert not test.exception
    kinds = ("title", "header", "markdown", "caption", "text", "info", "warning", "error", "metric", "expander")
    words = [
        str(getattr(element, "value", "") or getattr(element, "label", ""))
        for kind in kinds
        for element in test.get(kind)
    ]
    return "\n".join(words).replace("\N{NO-BREAK SPACE}", " ")


def facts_of(texts: Sequence[str]) -> dict[str, str]:
    """Label -> value of what `components.facts` drew, as a reader sees it."""
    found = (re.fullmatch(r":small\[:gray\[(.+)\]\]  \n(.+)", text) for text in texts)
    return {each[1]: each[2].replace("\\", "").replace("\N{NO-BREAK SPACE}", " ") for each in found if each}


def headings(test: AppTest) -> list[str]:
    return [title.value for title in test.title]


def labels(test: AppTest) -> list[str]:
    return [button.label for button in test.button]


def test_nobody_sees_anything(app: App, database: Database) -> None:
    """The page drawn by itself, as by a server whose main script has not run."""
    account = add_account(database, add_tenant(database), name="Secret Ltd")
    assert app.token is None
    test = AppTest.from_file(str(PAGE), default_timeout=TIMEOUT_S)
    test.query_params["account"] = str(account)
    test.run()
    assert shown(test) == runtime.SIGN_IN_NOTICE
    assert [len(test.get(kind)) for kind in ("button", "text_input", "dataframe", "plotly_chart")] == [0, 0, 0, 0]


def test_the_whole_page(app: App, account: int) -> None:
    test = opened(app, account=str(account))
    words = shown(test).replace("\\", "")  # a reader sees no escapes
    assert headings(test) == ["Fenbrook Freight"]
    for expected in (
        "48,000 USD",
        "in 30 days · 30 Jul 2026",
        "30 of 100",
        "Risk",
        "What to do",
        "What raises the risk",
        "in 10 like this to leave",
        "Scorecard",
        "Medium",
        "fresh",
        "Renewal is near",
    ):
        assert expected in words
    assert "rules" not in words
    assert len(test.get("plotly_chart")) == 3
    assert all(chart.proto.alt for chart in test.get("plotly_chart"))


def test_the_parts_and_the_evidence_are_those_of_the_prediction(app: App, actor: Actor, account: int) -> None:
    test = opened(app, account=str(account))
    stored = runtime.services().predictions.predict(actor, account)
    (parts,) = [table.value for table in test.dataframe if "Points of 100" in table.value]
    *rows, total = parts["Points of 100"]
    assert sum(rows) == pytest.approx(total, abs=0.5)
    assert total == pytest.approx(stored.probability * 100, abs=0.05)
    words = shown(test)
    for factor in stored.factors:
        assert factor.description in words
    assert stored.evidence
    for fact in stored.evidence[:3]:
        assert fact.text in words


def test_a_second_look_is_served_from_the_store_and_refresh_is_fresh(app: App, account: int) -> None:
    assert "· fresh" in shown(opened(app, account=str(account)))
    test = opened(app, account=str(account))
    assert "· from the store" in shown(test)
    test.button(key=Key.REFRESH).click().run()
    assert "· fresh" in shown(test)
    assert "· from the store" in shown(test.run())


def test_new_facts_make_it_stale(app: App, database: Database, actor: Actor, account: int) -> None:
    opened(app, account=str(account))
    with time_machine.travel(NOW + timedelta(minutes=30), tick=True):
        for minute in (10, 15, 20):
            add_activity(database, actor, account, completed_at=NOW + timedelta(minutes=minute))
        test = opened(app, account=str(account))
        assert "Stale: 3 new facts since this prediction" in shown(test)
        test.button(key=Key.REFRESH).click().run()
        assert "Stale" not in shown(test)


def test_a_viewer_sees_what_is_stored_and_refreshes_nothing(app: App, actor: Actor, account: int) -> None:
    app.sign_in(_member(actor, Role.VIEWER))
    test = opened(app, account=str(account))
    assert "No prediction is stored" in shown(test)
    assert "Refresh" not in labels(test)
    runtime.services().predictions.predict(actor, account)
    test = opened(app, account=str(account))
    assert "like this to leave" in shown(test)
    assert "Refresh" not in labels(test)


def test_accounts_of_others_do_not_exist(app: App, database: Database, actor: Actor, account: int) -> None:
    foreign = add_account(database, add_tenant(database), name="Secret Ltd")
    for named in (str(foreign), "999999", "' OR 1=1 --", "<script>", "9" * 5000):
        words = shown(opened(app, account=named))
        assert NO_SUCH in words
        assert "Secret" not in words
    app.sign_in(_member(actor, Role.MEMBER, scope="owned"))
    test = opened(app, account=str(account))
    assert NO_SUCH in shown(test)
    assert "Fenbrook Freight" not in labels(test)


@pytest.mark.usefixtures("account")
def test_without_an_account_one_searches(app: App, database: Database, actor: Actor) -> None:
    other = add_account(database, actor, name="Other *Ltd*")
    test = opened(app)
    assert headings(test) == ["Account"]
    assert "No account is chosen" in shown(test)
    test.text_input(key=Key.FIND_ACCOUNT).set_value("other").run()
    assert "Fenbrook Freight" not in labels(test)
    test.button(key=f"{Key.FIND_ACCOUNT}_{other}").click().run()
    assert str(other) in test.query_params["account"]
    assert headings(test) == [r"Other \*Ltd\*"]


def test_an_account_of_which_nothing_is_known(app: App, database: Database, actor: Actor) -> None:
    empty = add_account(database, actor, name="Empty Holdings")
    words = shown(opened(app, account=str(empty)))
    for expected in (
        "Nothing known points to a risk.",
        "No activity was ever recorded.",
        "No health scores in the last 90 days.",
        "Low",
        "not known",
    ):
        assert expected in words


def test_an_account_that_left(app: App, database: Database, actor: Actor, account: int) -> None:
    add_churn(database, actor, account, churned_at=NOW - timedelta(days=2), reason="![x](http://elsewhere.example)")
    words = shown(opened(app, account=str(account)))
    assert "This account left on 28 Jun 2026 (2 days ago)" in words
    assert "![x]" not in words
    assert "Nothing: this account has left." in words


def test_looking_back(app: App, actor: Actor, account: int) -> None:
    day = (NOW - timedelta(days=60)).date()
    test = opened(app, account=str(account), as_of=day.isoformat())
    words = shown(test)
    assert "You are looking at the past" in words
    assert "1 May 2026 (UTC)" in words
    assert "39 of 100" in words  # the newest score of that day
    assert "Refresh" not in labels(test)
    assert runtime.services().predictions.list(actor, account) == []
    next(button for button in test.button if button.label == "Back to today").click().run()
    assert "You are looking at the past" not in shown(test)
    assert "30 of 100" in shown(test)


@pytest.mark.parametrize("day", ["yesterday", "2026-13-45", "2999-01-01"])
def test_a_day_that_is_none_is_the_present(app: App, account: int, day: str) -> None:
    assert "You are looking at the past" not in shown(opened(app, account=str(account), as_of=day))


def test_names_are_shown_and_never_read_as_markup(app: App, database: Database, actor: Actor) -> None:
    hostile = add_account(database, actor, name="![x](http://elsewhere.example/x.png) <b>$a$</b>")
    test = opened(app, account=str(hostile))
    (title,) = headings(test)
    assert title.startswith(r"\!\[x\]\(http")
    assert "<" not in title.replace(r"\<", "")


def test_tables_hold_no_formula(app: App, account: int) -> None:
    test = opened(app, account=str(account))
    (activities,) = [table.value for table in test.dataframe if "Subject" in table.value]
    assert set(activities["Subject"]) == {"'=SUM(A1)"}


def test_the_range_is_chosen_or_taken_from_the_address(app: App, account: int) -> None:
    test = opened(app, account=str(account))
    assert _scores(test) == 13
    test.segmented_control(key=Key.DAYS).set_value("all").run()
    assert _scores(test) == 26
    assert _scores(opened(app, account=str(account), days="30")) == 5


def _scores(test: AppTest) -> int:
    assert not test.exception
    (table,) = [table.value for table in test.dataframe if "Overall" in table.value and "Id" not in table.value]
    return len(table)


def _member(actor: Actor, role: Role, scope: AccountScope = "all") -> Actor:
    """Another user of the actor's tenant."""
    access = runtime.services().access
    added = access.add_user(actor, "ben@example.com", role=role, scope=scope)
    return access.actor_for(added.person.id, actor.tenant_id)
