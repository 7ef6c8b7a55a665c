"""The form behind one's name on top of every page."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Role
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from cs_ml.ui.state import Key
from tests.support.apps import App
from tests.support.factories import add_tenant

ADA, NAME = "ada@example.com", "Ada *L* [x](http://elsewhere.example)"
PHRASE, OWN = " violet otters juggle quietly", "seven copper kettles drift"


@pytest.fixture
def form(app: App, database: Database) -> AppTest:
    """Open, in the browser of Ada, a viewer."""
    actor = add_tenant(database, "acme", name="Acme Inc")
    runtime.services().access.add_user(actor, ADA, role=Role.VIEWER, name=NAME, password=PHRASE)
    app.token = runtime.sessions().redeem(runtime.sessions().sign_in(ADA, PHRASE) or "")
    test = app.open()
    assert [field.label for field in test.text_input if "assword" in field.label] == []
    name = test.button(key=Key.WHO)
    assert name.label.startswith("Ada ")
    assert "](" not in name.label  # shown as it is, no link
    name.click().run()
    assert not test.exception
    return test


def save(form: AppTest, *typed: str) -> list[str]:
    """What is wrong with it, on the screen. The name is pressed with it: here every run is of the whole page."""
    fields = [field for field in form.text_input if "assword" in field.label]
    assert [field.label for field in fields] == ["Present password", "New password", "New password, once more"]
    for field, value in zip(fields, typed, strict=True):
        field.set_value(value)
    form.button(key=Key.WHO).click()
    next(button for button in form.button if button.label == "Save").click().run()
    assert not form.exception
    return [error.value for error in form.error]


def test_it_says_what_is_wrong_and_keeps_what_was_typed(form: AppTest) -> None:
    assert "not the same" in save(form, PHRASE, OWN, OWN.title())[0]
    assert "15 to" in save(form, PHRASE, "short", "short")[0]
    assert "another password" in save(form, PHRASE, PHRASE, PHRASE)[0]
    assert "present password is another" in save(form, PHRASE.strip(), OWN, OWN)[0]
    assert [field.value for field in form.text_input if "assword" in field.label] == [PHRASE.strip(), OWN, OWN]
    assert runtime.services().access.verify(ADA, PHRASE)


def test_whoever_has_saved_goes_on_in_a_new_session(app: App, form: AppTest) -> None:
    before = app.token or ""
    assert save(form, PHRASE, OWN, OWN) == []
    ticket = re.search(r'data-handover="session/claim" data-ticket="([^"]+)"', form.get("html")[0].proto.body)
    assert ticket
    app.token = runtime.sessions().redeem(ticket[1])
    inside = app.open()
    assert "Acme Inc" in [text.value for text in inside.text]
    assert runtime.sessions().resolve(before) is None
    assert runtime.services().access.verify(ADA, OWN)
