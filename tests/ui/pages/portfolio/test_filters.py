"""Filters, pages and the file of the Portfolio page."""

import csv
import io
from typing import Any

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.domain.errors import Forbidden
from cs_ml.domain.portfolio import PAGE_ROWS
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from cs_ml.ui.screens.portfolio.filters import EVERYBODY, OWNER_PARAM
from cs_ml.ui.state import Key
from tests.support.apps import App
from tests.support.factories import (
    add_account,
)
from tests.ui.pages.portfolio.reading import listed, opened, press, shown


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
def test_a_figure_lists_what_it_is_made_of_and_reset_leads_back(app: App) -> None:
    test = opened(app, **{OWNER_PARAM: EVERYBODY})
    press(test, "1 overdue")
    assert listed(test) == ["Fenbrook"]
    assert "**1 of 3 accounts**: Overdue CTAs" in shown(test)
    press(test, "1 × High risk, no open CTA")
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
