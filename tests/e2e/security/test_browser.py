"""Who is refused, and what a page may not do, in a real browser against a real server."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, expect
from sqlalchemy import make_url
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from cs_ml.domain.actor import Role
from cs_ml.services.identity.access import AccessService
from cs_ml.services.identity.members import MemberService
from cs_ml.store.database import Database
from cs_ml.ui.runtime import PLAIN_COOKIE
from tests.e2e.server import running_app
from tests.e2e.visits import PHRASE, Visit
from tests.services.identity.test_keys import forged
from tests.support.databases import sqlite_copy
from tests.support.factories import add_account, add_activity, add_contact, add_fact, add_tenant
from tests.support.source import ROOT

ADA, EVE = "ada@example.com", "eve@example.com"
PAGES = sorted(file.stem for file in (ROOT / "pages").glob("*.py") if file.stem != "sign_in")
HOSTILE = (
    "![x](http://elsewhere.example/a.png) <img src=http://elsewhere.example/b.png onerror=alert(1)>"
    "<script>alert(2)</script> [c](javascript:alert(3)) ![d][e]\n\n[e]: http://elsewhere.example/d.png"
    " \"><svg onload=alert(4)> $\\href{http://elsewhere.example}{x}$ :material/bolt: {{7*7}} =cmd|'/c calc'!A1"
)


class Site:
    """A running server whose tenant has Ada, who owns it, and Eve, a member; and one account with hostile texts."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        database = Database(url)
        owner = add_tenant(database, "acme", name="Acme Inc")
        self.account = add_account(database, owner, name=HOSTILE)
        add_activity(database, owner, self.account, subject=HOSTILE, completed_at=datetime.now(UTC) - timedelta(days=2))
        add_contact(database, owner, self.account, first_name=HOSTILE, last_name=HOSTILE)
        add_fact(database, owner, self.account, segment=HOSTILE, plan=HOSTILE)
        self.access = AccessService(database, self.now)
        for email, role in ((ADA, Role.OWNER), (EVE, Role.MEMBER)):
            self.access.add_user(owner, email, role=role, name=HOSTILE if email == ADA else "Eve", password=PHRASE)
        self.owner, self.database = owner, database
        self.eve = next(m.person.id for m in MemberService(database, self.now).list(owner) if m.person.email == EVE)
        self.folder = folder

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    def change(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(make_url(self.url).database or "", timeout=10)) as connection, connection:
            connection.execute(statement, values)


@pytest.fixture(scope="module")
def site(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    made = Site(sqlite_copy(migrated_sqlite, folder), folder)
    yield made
    made.database.close()


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with running_app(site.url, site.folder) as running:
        yield running


def signed_in(browser: Browser, address: str, email: str = EVE) -> Visit:
    visit = Visit(browser, address)
    visit.open()
    visit.sign_in(email=email)
    visit.expect_signed_in()
    return visit


class Thief:
    """A browser profile of somebody else, who has got hold of a cookie."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._visit = Visit(browser, address)

    def tries(self, cookie: str) -> None:
        self._visit.context.clear_cookies()
        self._visit.context.add_cookies([{"name": PLAIN_COOKIE, "value": cookie, "url": self._visit.address}])
        self._visit.open()
        self._visit.expect_form()
        assert self._visit.page.get_by_text("Acme Inc").count() == 0

    def goes(self) -> None:
        self._visit.context.close()
        assert self._visit.faults == []


def cookie_of(visit: Visit) -> str:
    return str((visit.cookie() or {})["value"])


def test_stolen_forged_expired_and_switched_off_are_refused(
    browser: Browser, site: Site, address: str, figure: Callable[[str], None]
) -> None:
    thief, visit = Thief(browser, address), signed_in(browser, address)
    stolen = cookie_of(visit)
    visit.sign_out()
    visit.expect_form()
    changed = stolen[:-1] + ("A" if stolen[-1] != "A" else "B")
    for cookie in (stolen, changed, forged("", "none"), forged("some_key"), forged("secret")):
        thief.tries(cookie)

    visit.sign_in(email=EVE)
    visit.expect_signed_in()
    token = cookie_of(visit)
    site.access.set_disabled(EVE, disabled=True)
    visit.page.get_by_role("button", name="Sign out").click()  # a live socket, at its next run
    visit.expect_form()
    thief.tries(token)
    site.access.set_disabled(EVE, disabled=False)

    visit.sign_in(email=EVE)
    visit.expect_signed_in()
    token = cookie_of(visit)
    site.change('UPDATE "SignInSession" SET "lastSeenAt" = ?', "2020-01-01 00:00:00.000")
    thief.tries(token)
    visit.context.close()
    thief.goes()
    figure("stolen, forged (4), switched off, expired: 0 let in")


def _ends(site: Site) -> dict[str, Callable[[Visit], object]]:
    """What ends a session. Each leaves Eve able to sign in again."""
    members = MemberService(site.database, site.now)

    def suspend(_: Visit) -> None:
        site.change('UPDATE "Tenant" SET "status" = ?', "SUSPENDED")

    return {
        "signed out elsewhere": lambda visit: visit.sign_out_elsewhere(),
        "new password": lambda _: site.access.set_password(EVE, PHRASE),
        "switched off": lambda _: site.access.set_disabled(EVE, disabled=True),
        "other role": lambda _: members.change(site.owner, site.eve, Role.VIEWER, "all"),
        "tenant suspended": suspend,
        "ended by an administrator": lambda _: members.end_sessions(site.owner, site.eve),
    }


def test_every_end_of_a_session_ends_open_pages_and_copies_of_the_cookie(
    browser: Browser, site: Site, address: str, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    ends, thief, visit = _ends(site), Thief(browser, address), Visit(browser, address)
    visit.open()
    for name in ends if at_full_size else ["other role"]:
        visit.sign_in(email=EVE)
        visit.expect_signed_in()
        token = cookie_of(visit)
        ends[name](visit)
        visit.page.get_by_role("link", name="CTAs").click()  # the socket that is still open
        visit.expect_form()
        assert visit.page.get_by_text("Acme Inc").count() == 0
        thief.tries(token)
        site.access.set_disabled(EVE, disabled=False)
        site.change('UPDATE "Tenant" SET "status" = ?', "ACTIVE")
        assert token not in (site.folder / "server.log").read_text()
    visit.context.close()
    thief.goes()
    assert visit.faults == []
    if at_full_size:
        figure(f"{len(ends)} ends x (open page, new client): 0 let in")


def form_first(browser: Browser, address: str, page: str) -> None:
    visit = Visit(browser, address)
    visit.open(f"/{page}?account=1")
    visit.expect_form()
    shown = visit.page.locator("[data-testid=stMain]").inner_text().split()
    assert shown == ["CS", "ML", "Sign", "in", "E-mail", "Password", "visibility", "Sign", "in"]
    assert page.title() not in visit.page.title()
    visit.context.close()
    assert visit.faults == []


def test_the_form_stands_before_every_page(
    browser: Browser, site: Site, tmp_path: Path, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    """In `make security` each page is the first that a fresh server is asked for."""
    for pages in [[page] for page in PAGES] if at_full_size else [PAGES]:
        with running_app(site.url, tmp_path) as fresh:
            for page in pages:
                form_first(browser, fresh, page)
    figure(f"{len(PAGES)} pages, each the first of {'its own' if at_full_size else 'its'} server's: the form alone")


def test_a_socket_opens_for_our_own_pages_alone(address: str, figure: Callable[[str], None]) -> None:
    socket = f"{address.replace('http', 'ws')}/_stcore/stream"
    with connect(socket, origin=Origin(address)):
        pass
    others = [None, Origin("null"), Origin("http://elsewhere.example"), Origin(f"{address}.elsewhere.example")]
    for origin in others:
        with pytest.raises(InvalidStatus) as answer:
            connect(socket, origin=origin)
        assert answer.value.response.status_code == 403
    figure(f"{len(others)} foreign or missing origins, 0 sockets")


def test_a_page_that_calls_itself_by_another_name_is_refused(address: str, figure: Callable[[str], None]) -> None:
    """Where a name of somebody else's was made to lead to this machine."""
    socket = f"{address.replace('http', 'ws')}/_stcore/stream"
    for name in ("elsewhere.example", "localhost.elsewhere.example"):
        with pytest.raises(InvalidStatus) as answer:
            connect(socket, origin=Origin(f"http://{name}"), additional_headers={"Host": name})
        assert answer.value.response.status_code >= 400
    figure("2 foreign host names: 0 sockets")


def test_hostile_texts_run_and_load_nothing(
    browser: Browser, site: Site, address: str, figure: Callable[[str], None]
) -> None:
    for without_policy in (False, True):
        visit = Visit(browser, address, without_policy=without_policy)
        visit.open()
        visit.sign_in(email=ADA)
        visit.expect_signed_in()
        for page in PAGES:
            visit.open(f"/{page}?account={site.account}")
            visit.expect_signed_in()
            visit.expect_drawn()
            assert visit.page.locator("[data-testid=stException]").count() == 0
        visit.context.close()
        assert visit.faults == []
    figure(f"{len(PAGES)} pages, with and without the policy: 0 foreign requests, 0 dialogs")


def test_an_import_in_the_browser_is_checked_first_and_nothing_is_half_done(
    browser: Browser, site: Site, address: str
) -> None:
    visit = signed_in(browser, address, ADA)
    page = visit.page
    visit.open("/admin?part=Import")
    files = page.locator("input[type=file]")
    bad = b"account_ref,name,arr\nA1,One,12x\nA2,,5\n"
    files.set_input_files(FilePayload(name="accounts.csv", mimeType="text/csv", buffer=bad))
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text("nothing was imported")).to_be_visible()
    expect(page.get_by_role("button", name="Import now")).to_have_count(0)
    good = b"account_ref,name,arr\nA1,One,12\nA2,Two,5\n"
    visit.open("/admin?part=Import")
    files.set_input_files(FilePayload(name="accounts.csv", mimeType="text/csv", buffer=good))
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text("Everything is in order")).to_be_visible()
    with closing(sqlite3.connect(make_url(site.url).database or "")) as connection:
        assert connection.execute('SELECT count(*) FROM "Account"').fetchone() == (1,)
        page.get_by_role("button", name="Import now").click()
        expect(page.get_by_text("Imported. Accounts by risk")).to_be_visible()
        assert connection.execute('SELECT count(*) FROM "Account"').fetchone() == (3,)
    visit.context.close()
    assert visit.faults == []


def test_a_failing_page_tells_nothing_but_a_reference(
    browser: Browser, site: Site, address: str, figure: Callable[[str], None]
) -> None:
    visit = signed_in(browser, address, ADA)
    with gone(site, "Account", "TenantSetting", "CTA", "Playbook", "AccountMLPrediction", "AuditEvent"):
        _expect_failures(visit, site)
    visit.context.close()
    assert visit.faults == []
    figure(f"{len(PAGES)} pages failing: 0 words of code, paths or SQL")


@contextmanager
def gone(site: Site, *tables: str) -> Iterator[None]:
    """Pages that read one of these fail meanwhile."""
    for table in tables:
        site.change(f'ALTER TABLE "{table}" RENAME TO "{table}_gone"')
    try:
        yield
    finally:
        for table in tables:
            site.change(f'ALTER TABLE "{table}_gone" RENAME TO "{table}"')


def _expect_failures(visit: Visit, site: Site) -> None:
    for page in PAGES:
        visit.open(f"/{page}?account=1&part=Settings")
        expect(visit.page.get_by_text("This page could not be shown")).to_be_visible()
        shown = visit.page.content()
        for word in ("Traceback", "sqlite3", "SELECT", "no such table", str(ROOT), "site-packages"):
            assert word not in shown
        (reference,) = re.findall(r"reference <code[^>]*>([0-9a-f]{8})<", shown)
        assert reference in (site.folder / "server.log").read_text()
