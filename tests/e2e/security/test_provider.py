"""Sign-in by the company's own accounts: a real browser, our real server, and a provider that speaks the protocol."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cs_ml.domain.actor import Role
from cs_ml.services.identity.access import AccessService
from cs_ml.store.database import Database
from cs_ml.ui.runtime import PLAIN_COOKIE
from tests.e2e.security.provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider
from tests.e2e.server import free_port, running_app
from tests.e2e.visits import PHRASE, Visit
from tests.support.databases import sqlite_copy
from tests.support.factories import add_tenant

ADA = "ada@example.com"
THEIRS = "_streamlit_user"
BUTTON = "Use your company account"


class House:
    """The app with a provider, and Ada, who works in it."""

    def __init__(self, provider: Provider, address: str, access: AccessService) -> None:
        self.provider, self.address, self.access = provider, address, access

    def visit(self, browser: Browser) -> Visit:
        found = Visit(browser, self.address, also=self.provider.address)
        found.open("/")
        return found

    def comes(self, visit: Visit, **claims: object) -> None:
        self.provider.claims = claims
        visit.page.get_by_role("button", name=BUTTON).click()


@pytest.fixture(scope="module")
def house(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, port = tmp_path_factory.mktemp("house"), free_port()
    url = sqlite_copy(migrated_sqlite, folder)
    database = Database(url)
    access = AccessService(database, lambda: datetime.now(UTC))
    access.add_user(add_tenant(database, "acme", name="Acme Inc"), ADA, role=Role.MEMBER, password=PHRASE)
    secrets = folder / "secrets.toml"
    with running_provider() as provider:
        secrets.write_text(f"""[auth]
redirect_uri = "http://localhost:{port}/oauth2callback"
cookie_secret = "abcdefghijklmnopqrstuvwxyz0123456789"
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "{provider.address}/.well-known/openid-configuration"
""")
        with running_app(url, folder, "--secrets.files", str(secrets), port=port) as address:
            yield House(provider, address, access)
    database.close()


def test_in_by_the_provider_and_out_of_both(browser: Browser, house: House, figure: Callable[[str], None]) -> None:
    visit = house.visit(browser)
    house.comes(visit, email=ADA, email_verified=True)
    visit.expect_signed_in()
    ours, theirs = visit.cookie(), _theirs(visit)
    assert ours is not None
    assert ours["httpOnly"] is True
    assert theirs
    _replay(browser, house, theirs)

    visit.sign_out()
    visit.expect_form()
    assert [left["client_id"] for left in house.provider.left] == [CLIENT_ID]
    assert {cookie.get("name", "") for cookie in visit.context.cookies()}.isdisjoint({PLAIN_COOKIE, THEIRS})
    visit.context.add_cookies([{"name": PLAIN_COOKIE, "value": str(ours["value"]), "url": house.address}])
    visit.open("/")
    visit.expect_form()
    visit.sign_in(email=ADA)  # the password still works
    visit.expect_signed_in()
    visit.context.close()
    assert visit.faults == []
    figure("in by the provider, out of both; the provider's cookie and ours replayed: 0 let in")


def _theirs(visit: Visit) -> list[dict[str, str]]:
    """What Streamlit keeps of the provider's word."""
    cookies = [(str(cookie.get("name")), str(cookie.get("value"))) for cookie in visit.context.cookies()]
    return [{"name": name, "value": value} for name, value in cookies if name.startswith(THEIRS)]


def _replay(browser: Browser, house: House, cookies: list[dict[str, str]]) -> None:
    """Somebody else has got hold of the cookies by which Streamlit remembers what the provider said."""
    thief = Visit(browser, house.address)
    thief.context.add_cookies([{**each, "url": house.address} for each in cookies])  # type: ignore[typeddict-item]
    thief.open("/")
    expect(thief.page.get_by_text("This did not work.")).to_be_visible()
    thief.expect_form()
    thief.context.close()
    assert thief.faults == []


def test_whom_we_do_not_know_or_who_proves_nothing_stays_out(
    browser: Browser, house: House, figure: Callable[[str], None]
) -> None:
    visit = house.visit(browser)
    for claims in ({"email": "eve@example.com", "email_verified": True}, {"email": ADA}):
        house.comes(visit, **claims)
        expect(visit.page.get_by_text("This did not work.")).to_be_visible()
        visit.expect_form()
    house.provider.forges = True
    house.comes(visit, email=ADA, email_verified=True)
    expect(visit.page.get_by_text("This did not work.")).to_have_count(0)
    visit.expect_form()
    house.provider.forges = False
    house.access.set_disabled(ADA, disabled=True)
    house.comes(visit, email=ADA, email_verified=True)
    expect(visit.page.get_by_text("This did not work.")).to_be_visible()
    house.access.set_disabled(ADA, disabled=False)
    assert visit.cookie() is None
    visit.context.close()
    assert visit.faults == []
    figure("unknown, unverified, forged, switched off: 0 let in")
