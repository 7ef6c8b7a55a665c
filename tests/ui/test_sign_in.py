"""Signing in through the form, and what a page shows to whom is not signed in."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Role
from cs_ml.services.identity.sessions import MAX_FAILURES
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from tests.support.apps import TIMEOUT_S, App
from tests.support.factories import add_tenant
from tests.support.source import ROOT

ADA = "ada@example.com"
PHRASE = " violet otters juggle quietly "
PAGES = sorted(file.stem for file in (ROOT / "pages").glob("*.py") if file.stem != "sign_in")


@pytest.fixture
def form(app: App, database: Database) -> AppTest:
    """The sign-in form, where Ada has an account and Bob one that is switched off."""
    actor, access = add_tenant(database), runtime.services().access
    for email in (ADA, "bob@example.com"):
        access.add_user(actor, email, role=Role.MEMBER, password=PHRASE)
    access.set_disabled("bob@example.com", disabled=True)
    return app.open()


def attempt(form: AppTest, email: str, password: str) -> AppTest:
    form.text_input[0].set_value(email)
    form.text_input[1].set_value(password)
    form.button[0].click().run()
    assert not form.exception
    return form


def shown(test: AppTest) -> list[str]:
    """Everything on the screen, in order, without the values that were typed."""
    return [f"{type(e).__name__}: {getattr(e, 'label', '')}{getattr(e, 'body', '')}" for e in test.main] + [
        element.value for kind in (test.error, test.info, test.title, test.text, test.caption) for element in kind
    ]


def ticket_of(form: AppTest) -> str:
    found = re.search(r'data-handover="session/claim" data-ticket="([^"]+)"', form.get("html")[0].proto.body)
    assert found
    return found[1]


def test_the_right_password_opens_a_session(app: App, form: AppTest) -> None:
    attempt(form, "Ada@example.com", PHRASE)
    app.token = runtime.sessions().redeem(ticket_of(form))
    signed_in = runtime.sessions().resolve(app.token or "")
    assert signed_in is not None
    assert signed_in.person.email == ADA
    again = app.open()
    assert not again.exception
    assert "Sign out" in [button.label for button in again.button]


def test_every_failure_shows_the_same(form: AppTest) -> None:
    seen = [
        shown(attempt(form, email, password))
        for email, password in [
            (ADA, PHRASE.strip()),
            ("nobody@example.com", PHRASE),
            ("bob@example.com", PHRASE),
            ("", ""),
        ]
    ]
    assert any("This did not work." in line for line in seen[0])
    assert all(each == seen[0] for each in seen)
    assert not form.get("html")


def test_a_closed_account_shows_the_same_even_with_the_right_password(form: AppTest) -> None:
    first = shown(attempt(form, ADA, "wrong"))
    for _ in range(MAX_FAILURES - 1):
        assert runtime.sessions().sign_in(ADA, "wrong") is None
    assert shown(attempt(form, ADA, PHRASE)) == first
    assert not form.get("html")


def test_nothing_of_the_package_is_kept_in_the_state(form: AppTest) -> None:
    attempt(form, ADA, PHRASE)
    kept = {key: form.session_state[key] for key in ("name", "username", "email", "roles", "authentication_status")}
    assert not any(kept.values())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_alone_shows_only_the_notice(app: App, page: str) -> None:
    """Straight to the file of the page, as if nothing stood before it."""
    assert app.token is None
    test = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=TIMEOUT_S).run()
    assert not test.exception
    assert [element.type for element in test.main] == ["main", "info"]
    assert test.info[0].value == runtime.SIGN_IN_NOTICE


def test_whoever_is_not_signed_in_sees_the_form_alone(app: App) -> None:
    test = app.open()
    assert [title.value for title in test.title] == ["CS ML"]
    assert [field.label for field in test.text_input] == ["E-mail", "Password"]
    assert [button.label for button in test.button] == ["Sign in"]
    assert [element.type for element in test.main if element.type in ("info", "text", "selectbox")] == []
