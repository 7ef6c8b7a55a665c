"""The database stops and comes back while people are at work: nothing lost, nothing twice, and a page that says so."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from threading import Semaphore

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import DatabaseAway
from cs_ml.services.identity.access import AccessService
from cs_ml.store.database import Database
from cs_ml.store.tables import Account, AccountMLPrediction, AuditEvent, ChurnEvent
from tests.e2e.security.test_survival import predictions
from tests.e2e.server import running_app
from tests.e2e.visits import PHRASE, Visit
from tests.support.databases import build_schema
from tests.support.factories import NOW, add_account, add_tenant
from tests.support.postgres_keeper import Server, installations, make_work_folder
from tests.support.requirements import unavailable
from tests.support.source import ROOT

MODES = ("fast", "immediate")
RECOVERY_S = 5
AWAY = "The database does not respond."
SENTENCE = re.compile(
    rf"^{re.escape(AWAY)} Load this page again in a minute\. "
    r"If it goes on, tell your administrator the reference ([0-9a-f]{8})\.$"
)
TELLS = ("Traceback", "psycopg", "sqlalchemy", "OperationalError", "SELECT", str(ROOT))


@dataclass(frozen=True)
class OwnServer:
    """A PostgreSQL server of one test, which may be restarted, and its database."""

    server: Server
    database: Database
    url: str


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    found = installations()
    server = Server(found[0], make_work_folder()) if found else unavailable("no PostgreSQL server programs are here")
    # Other servers of tests may forget their last moment.
    url = server.start(synchronous_commit="on")
    build_schema(url)
    database = Database(url)
    yield OwnServer(server, database, url)
    database.close()
    server.stop()


@dataclass
class Work:
    """Requests of three kinds, by their number, and what was acknowledged: `told` are predictions, `noted` events."""

    database: Database
    actor: Actor
    accounts: list[int]
    told: dict[int, int | None] = field(default_factory=dict)
    noted: set[int] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    answered: list[float] = field(default_factory=list)

    def __call__(self, number: int) -> None:
        try:
            (self._predict, self._note, self._look)[number % 3](number)
        except (DatabaseAway, DBAPIError):
            self.failed.add(number)
        if number not in self.failed:
            self.answered.append(time.monotonic())

    def _predict(self, number: int) -> None:
        found = predictions(self.database).predict(self.actor, self.accounts[number])
        if "unsaved" in found.doubts:
            self.failed.add(number)
        else:
            self.told[number] = found.id

    def _note(self, number: int) -> None:
        row = {"accountId": self.accounts[0], "churnedAt": NOW + timedelta(minutes=number), "approximate": False}
        with self.database.write(self.actor) as scope:
            scope.insert(ChurnEvent, [row])
        self.noted.add(number)

    def _look(self, number: int) -> None:
        with self.database.read(self.actor) as scope:
            scope.execute(select(Account.id)).all()
        self.seen.add(number)

    def try_again(self) -> None:
        """As a person would, for each prediction that failed. A claim of then has run out."""
        later = predictions(self.database, lambda: NOW + timedelta(days=1))
        for number in sorted(self.failed):
            if number % 3 == 0:
                self.told[number] = later.predict(self.actor, self.accounts[number]).id

    def check(self) -> None:
        """Everything that was acknowledged is there, once."""
        with self.database.read(self.actor) as scope:  # the first try of the same process
            made = scope.execute(
                select(AccountMLPrediction.id, AccountMLPrediction.account_id, AccountMLPrediction.status)
            ).all()
            audited = scope.execute(select(AuditEvent.id).where(AuditEvent.action == "prediction.made")).all()
            stored = scope.execute(select(ChurnEvent.churned_at)).scalars().all()
        events = [int((at - NOW).total_seconds() // 60) for at in stored]
        in_force = [row.account_id for row in made if row.status == "ACTIVE"]
        assert self.noted <= set(events)
        assert len(events) == len(set(events))
        assert set(self.told.values()) <= {row.id for row in made}
        assert len(in_force) == len(set(in_force))
        assert len(audited) == len(made)  # both rows of each transaction, or none


def test_a_restart_of_the_database_loses_and_doubles_nothing(
    own_server: OwnServer, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    actor, total = add_tenant(own_server.database, "acme"), 200 if at_full_size else 60
    work = Work(own_server.database, actor, [add_account(own_server.database, actor) for _ in range(total)])
    third = total // 3
    restarts: dict[int, Future[float]] = {}

    def restart(mode: str) -> float:
        own_server.server.restart(mode)
        return time.monotonic()

    free = Semaphore(4)  # nobody queues: what is asked is asked now
    with ThreadPoolExecutor(4) as pool, ThreadPoolExecutor(1) as administrator:
        running = []
        for number in range(total):
            if number in {third, 2 * third}:
                restarts[number] = administrator.submit(restart, MODES[len(restarts)])
            free.acquire()
            running.append(pool.submit(work, number))
            running[-1].add_done_callback(lambda _: free.release())
            if number % third == third // 2:
                wait(restarts.values())  # the others ask the same process when it is back
            elif not all(each.done() for each in restarts.values()):
                time.sleep(0.05)  # so that somebody asks at every moment of it
        for each in running:
            each.result(timeout=120)
    for first in restarts:
        assert work.failed & set(range(first - third // 2, first + third // 2)), "nobody noticed"
        assert set(range(first + third // 2, first + third)) - work.failed, "nobody was answered after it"
    assert work.told.keys() | work.noted | work.seen | work.failed == set(range(total))
    failed = len(work.failed)
    work.try_again()
    work.check()
    waits = [min(at for at in work.answered if at >= back.result()) - back.result() for back in restarts.values()]
    figure(f"{total} requests over 2 restarts, {failed} of them failed: 0 acknowledged writes lost, 0 twice")
    if at_full_size:
        assert max(waits) <= RECOVERY_S
        figure(f"answers {max(waits):.1f} s after the database was back, {RECOVERY_S} allowed")


@dataclass(frozen=True)
class Site:
    """A server of the app whose database may stop; somebody is signed in and looks at the portfolio."""

    visit: Visit
    server: Server
    log: Path

    def expect_portfolio(self) -> None:
        expect(self.visit.page.get_by_role("heading", name="Portfolio")).to_be_visible()
        expect(self.visit.page.get_by_text(AWAY)).to_have_count(0)
        self.visit.expect_signed_in()

    def expect_away(self) -> None:
        """A sentence that says what to do, and nothing of the machinery."""
        page = self.visit.page
        alert = page.get_by_role("alert")
        expect(alert.first).to_have_text(SENTENCE)
        # Where the page is drawn twice, the alert of before stands beside the new one for some hundredths of a second.
        self.visit.expect_drawn()
        expect(alert).to_have_count(1)
        assert page.locator("[data-testid=stException]").count() == 0
        for word in TELLS:
            assert word not in page.content()
        (reference,) = SENTENCE.findall(alert.inner_text())
        assert reference in self.log.read_text()

    @contextmanager
    def without_database(self, mode: str) -> Iterator[None]:
        self.server.halt(mode)
        try:
            yield
        finally:
            self.server.restart(mode)

    def states(self) -> tuple[int, int]:
        """How our own readiness and Streamlit's health are answered."""
        return status(f"{self.visit.address}/readyz"), status(f"{self.visit.address}/_stcore/health")


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 (our own address)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def site(own_server: OwnServer, browser: Browser, tmp_path: Path) -> Iterator[Site]:
    owner = add_tenant(own_server.database, "acme", name="Acme Inc")
    add_account(own_server.database, owner, name="Initech")
    access = AccessService(own_server.database, lambda: datetime.now(UTC))
    access.add_user(owner, "ada@example.com", role=Role.MEMBER, name="Ada", password=PHRASE)
    with running_app(own_server.url, tmp_path) as address:
        visit = Visit(browser, address)
        visit.open()
        visit.sign_in()
        yield Site(visit, own_server.server, tmp_path / "server.log")
        visit.context.close()
        assert visit.faults == []  # neither while the database was away


def click(visit: Visit, page: str) -> None:
    """By the socket that is still open."""
    visit.page.get_by_role("link", name=page).click()


def load(visit: Visit, _: str) -> None:
    visit.page.reload()


WAYS = (click, load)


def test_a_page_without_its_database_says_what_to_do_and_comes_back(
    site: Site, at_full_size: bool, figure: Callable[[str], None]
) -> None:
    cases = list(product(MODES, WAYS) if at_full_size else zip(MODES, WAYS, strict=True))
    for mode, ask in cases:
        site.expect_portfolio()
        with site.without_database(mode):
            assert site.states() == (503, 200)
            ask(site.visit, "CTAs")
            site.expect_away()
        assert site.states() == (200, 200)
        ask(site.visit, "Portfolio")
        site.expect_portfolio()
    figure(f"{len(cases)} pages without a database: a sentence, then the page by the same session and process")
