"""Whole journeys in a real browser against a real server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cs_ml.domain.actor import Role
from cs_ml.services.identity.access import AccessService
from cs_ml.store.database import Database
from cs_ml.ui.runtime import PLAIN_COOKIE
from tests.e2e.server import running_app
from tests.e2e.visits import PHRASE, WAIT_MS, Visit
from tests.support.databases import sqlite_copy
from tests.support.factories import add_account, add_tenant

OWN = "seven copper kettles drift"


@pytest.fixture
def address(migrated_sqlite: Path, tmp_path: Path) -> Iterator[str]:
    """A fresh server whose tenant has one account and one user, Ada."""
    url = sqlite_copy(migrated_sqlite, tmp_path)
    database = Database(url)
    owner = add_tenant(database, "acme", name="Acme Inc")
    add_account(database, owner, name="Initech")
    access = AccessService(database, lambda: datetime.now(UTC))
    access.add_user(owner, "ada@example.com", role=Role.MEMBER, name="Ada", password=PHRASE)
    database.close()
    with running_app(url, tmp_path) as running:
        yield running


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    opened = Visit(browser, address)
    yield opened
    opened.context.close()
    assert opened.faults == []


def test_signing_in_and_out(visit: Visit, browser: Browser) -> None:
    visit.open()
    visit.expect_form()
    visit.sign_in("not the phrase at all")
    expect(visit.page.get_by_text("This did not work.")).to_be_visible()
    assert visit.cookie() is None

    visit.sign_in()
    visit.expect_signed_in()
    cookie = visit.cookie()
    assert cookie is not None
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert PLAIN_COOKIE not in visit.page.evaluate("document.cookie")
    assert len(str(cookie["value"])) >= 43

    visit.page.reload()
    visit.expect_signed_in()

    visit.page.get_by_role("button", name="Ada").click()
    for label, typed in (("Present password", PHRASE), ("New password", OWN), ("New password, once more", OWN)):
        visit.page.get_by_label(label, exact=True).fill(typed)
    visit.page.get_by_role("button", name="Save").click()
    expect(visit.page.get_by_role("dialog")).to_have_count(0)
    visit.expect_signed_in()
    changed = visit.cookie()
    assert changed is not None
    assert changed["value"] != cookie["value"]

    visit.sign_out()
    visit.expect_form()
    assert visit.cookie() is None
    visit.sign_in(OWN)
    visit.expect_signed_in()
    visit.sign_out()
    visit.expect_form()

    thief = Visit(browser, visit.address)
    thief.context.add_cookies([{"name": PLAIN_COOKIE, "value": str(cookie["value"]), "url": visit.address}])
    thief.open()
    thief.expect_form()
    thief.context.close()
    assert thief.faults == []


def test_a_fresh_server_asked_for_a_page_first_shows_the_form_and_nothing_else(visit: Visit) -> None:
    visit.open("/account?id=1")
    visit.expect_form()
    shown = visit.page.locator("[data-testid=stMain]").inner_text()
    words = [
        "CS",
        "ML",
        "Sign",
        "in",
        "E-mail",
        "Password",
        "visibility",
        "Sign",
        "in",
    ]  # the eye is an icon by that name
    assert shown.split() == words
    assert visit.page.locator("[data-testid=stSidebar], [data-testid=stTopNavLink]").count() == 0

    visit.sign_in()
    visit.expect_signed_in()
    assert visit.page.url == f"{visit.address}/account?id=1"


def test_a_second_tab_ends_with_the_session(visit: Visit) -> None:
    visit.open()
    visit.sign_in()
    visit.expect_signed_in()
    second = visit.context.new_page()
    second.set_default_timeout(WAIT_MS)
    second.goto(visit.address)
    expect(second.get_by_role("button", name="Sign out")).to_be_visible()
    visit.sign_out()
    visit.expect_form()
    second.get_by_role("button", name="Sign out").click()
    expect(second.get_by_label("E-mail")).to_be_visible()
