"""What the app shows to somebody who has signed in by an issued password."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Role
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from tests.support.apps import TIMEOUT_S, App
from tests.support.factories import add_tenant
from tests.support.source import ROOT

ADA = "ada@example.com"
OWN = " violet otters juggle quietly "


@pytest.fixture
def issued(app: App, database: Database) -> str:
    """Ada's password; she is signed in by it."""
    actor = add_tenant(database, "acme", name="Acme Inc")
    password = runtime.services().access.add_user(actor, ADA, role=Role.ADMIN).password or ""
    app.token = runtime.sessions().redeem(runtime.sessions().sign_in(ADA, password) or "")
    assert app.token is not None
    return password


def choose(form: AppTest, first: str, again: str) -> list[str]:
    """What is wrong with it, on the screen."""
    form.text_input[0].set_value(first)
    form.text_input[1].set_value(again)
    form.button[0].click().run()
    assert not form.exception
    return [error.value for error in form.error]


def test_there_is_the_form_alone_until_a_password_is_chosen(app: App, issued: str) -> None:
    form = app.open()
    assert [field.label for field in form.text_input] == ["New password", "New password, once more"]
    assert [button.label for button in form.button] == ["Save and go on", "Sign out"]
    assert "15 characters or more" in form.markdown[0].value
    assert not any("Acme" in element.value for element in (*form.text, *form.markdown, *form.title))

    assert "not the same" in choose(form, OWN, OWN.strip())[0]
    assert form.text_input[0].value == OWN
    assert "15 to" in choose(form, "short", "short")[0]
    assert "another password" in choose(form, issued, issued)[0]
    assert choose(form, OWN, OWN) == []
    ticket = re.search(r'data-handover="session/claim" data-ticket="([^"]+)"', form.get("html")[0].proto.body)
    assert ticket
    app.token = runtime.sessions().redeem(ticket[1])
    inside = app.open()
    assert not inside.exception
    assert "Acme Inc" in [text.value for text in inside.text]
    assert len(inside.get("html")) == 0
    assert runtime.services().access.verify(ADA, OWN)


@pytest.mark.usefixtures("issued")
def test_a_page_alone_shows_only_the_notice(app: App) -> None:
    assert app.token
    for page in ("portfolio", "admin"):
        test = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=TIMEOUT_S).run()
        assert not test.exception
        assert [info.value for info in test.info] == [runtime.SIGN_IN_NOTICE]
        assert [element.type for element in test.main] == ["main", "info"]


@pytest.mark.usefixtures("issued")
def test_whoever_does_not_choose_can_sign_out(app: App) -> None:
    form = app.open()
    form.button[1].click().run()
    assert not form.exception
    assert runtime.sessions().must_choose(app.token or "") is None
    assert [field.label for field in app.open().text_input] == ["E-mail", "Password"]
