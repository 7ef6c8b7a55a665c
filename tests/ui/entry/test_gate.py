"""Routes, headers and closed ways in, asked over HTTP as a browser would."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from cs_ml.store.database import Database
from cs_ml.ui import runtime
from cs_ml.ui.entry.gate import CLOSED, NEEDS_SESSION, Gate, content_policy
from cs_ml.ui.entry.handover import SCRIPT, source_hash
from cs_ml.ui.entry.routes import routes
from cs_ml.ui.entry.shell import BASE_SCRIPT, STYLE, addresses, streamlit_page
from tests.support.apps import App
from tests.support.factories import add_tenant

HERE = {"origin": "http://testserver", "sec-fetch-site": "same-origin"}
SECURE = {"origin": "https://testserver", "sec-fetch-site": "same-origin"}


def site(base: str = "http://testserver") -> TestClient:
    """Our routes and our gate, with a page that answers everywhere else."""
    anything = Route("/{path:path}", lambda _: PlainTextResponse("open"))
    return TestClient(Starlette(routes=[*routes(), anything], middleware=[Middleware(Gate)]), base_url=base)


@pytest.fixture
def browser(app: App, database: Database) -> Iterator[TestClient]:
    """A browser that may trade `app.ticket` for a session."""
    actor = add_tenant(database)
    app.sign_in(actor)
    with site() as client:
        yield client


def ticket(app: App) -> str:
    signed_in = runtime.sessions().resolve(app.token or "")
    assert signed_in is not None
    return runtime.sessions()._ticket(signed_in.person)


def test_a_ticket_sets_a_cookie_that_scripts_cannot_read(app: App, browser: TestClient) -> None:
    answer = browser.post("/session/claim", content=ticket(app), headers=HERE)
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{runtime.PLAIN_COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=43200"} <= set(cookie.split("; "))
    assert answer.headers["cache-control"] == "no-store"
    assert runtime.sessions().resolve(answer.cookies[runtime.PLAIN_COOKIE])


def test_over_https_the_cookie_is_bound_to_the_host(app: App, browser: TestClient) -> None:
    with site("https://testserver") as secure:
        answer = secure.post("/session/claim", content=ticket(app), headers=SECURE)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"]
    assert browser.get("/").headers.get("strict-transport-security") is None


def test_a_spent_or_made_up_ticket_sets_nothing(app: App, browser: TestClient) -> None:
    spent = ticket(app)
    assert browser.post("/session/claim", content=spent, headers=HERE).status_code == 204
    for each in (spent, "", "\x00\xff", "x" * 10_000):
        answer = browser.post("/session/claim", content=each, headers=HERE)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (410, None)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://elsewhere.example"},
        {"origin": "http://testserver.elsewhere.example"},
        {"origin": "http://testserver", "sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/session/claim", "/session/end"])
def test_a_page_of_another_origin_is_refused(app: App, browser: TestClient, path: str, headers: dict[str, str]) -> None:
    browser.cookies.set(runtime.PLAIN_COOKIE, app.token or "")
    unspent = ticket(app)
    assert browser.post(path, content=unspent, headers=headers).status_code == 403
    assert runtime.sessions().resolve(app.token or "")
    assert runtime.sessions().redeem(unspent)


def test_the_end_removes_cookie_and_session(app: App, browser: TestClient) -> None:
    browser.cookies.set(runtime.PLAIN_COOKIE, app.token or "")
    answer = browser.post("/session/end", headers=HERE)
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert runtime.sessions().resolve(app.token or "") is None


def test_readiness_follows_the_database(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (browser.get("/readyz").status_code, browser.get("/readyz").json()) == (200, {"ready": True})
    gone = Database("postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
    monkeypatch.setattr(runtime.services().database, "engine", gone.engine)
    assert (browser.get("/readyz").status_code, browser.get("/readyz").json()) == (503, {"ready": False})
    gone.close()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/media/a"), ("POST", "/session/claim"), ("POST", "/session/end")]
)
def test_without_a_database_the_answer_says_so(
    app: App, browser: TestClient, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    browser.cookies.set(runtime.PLAIN_COOKIE, app.token or "")
    gone = Database("postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
    with monkeypatch.context() as patched:
        for name in ("engine", "_writing"):
            patched.setattr(runtime.services().database, name, getattr(gone, name))
        answer = browser.request(method, path, headers=HERE)
        assert (answer.status_code, "does not respond" in answer.text) == (503, True)
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers  # whoever could not sign out is still signed in
    gone.close()
    assert runtime.sessions().resolve(app.token or "")


def test_a_fault_of_ours_is_no_outage(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.sessions(), "end", int)  # a bug
    browser.cookies.set(runtime.PLAIN_COOKIE, "no number")
    with pytest.raises(ValueError, match="invalid literal"):
        browser.post("/session/end", headers=HERE)


@pytest.mark.parametrize("prefix", NEEDS_SESSION)
def test_files_need_a_session(app: App, browser: TestClient, prefix: str) -> None:
    assert browser.get(f"{prefix}a/b").status_code == 401
    browser.cookies.set(runtime.PLAIN_COOKIE, "made up")
    assert browser.get(f"{prefix}a/b").status_code == 401
    browser.cookies.set(runtime.PLAIN_COOKIE, app.token or "")
    assert browser.get(f"{prefix}a/b").text == "open"
    runtime.sessions().end(app.token or "")
    assert browser.get(f"{prefix}a/b").status_code == 401


@pytest.mark.parametrize("prefix", CLOSED)
def test_ways_that_are_not_offered_are_closed_to_all(app: App, browser: TestClient, prefix: str) -> None:
    browser.cookies.set(runtime.PLAIN_COOKIE, app.token or "")
    assert browser.get(prefix).status_code == 404
    assert browser.post(f"{prefix}/x").status_code == 404


def test_a_link_that_names_the_start_page_keeps_its_filters(browser: TestClient) -> None:
    answer = browser.get("/portfolio?risk=high&q=a%26b", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/?risk=high&q=a%26b")
    assert browser.get("/portfolio", follow_redirects=False).headers["location"] == "/"


@pytest.mark.parametrize("path", ["/", "/account", "/readyz", "/media/x", "/_stcore/metrics"])
def test_every_answer_has_the_headers(browser: TestClient, path: str) -> None:
    headers = browser.get(path).headers
    assert headers["content-security-policy"] == content_policy()
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_the_policy_allows_our_script_and_nothing_in_general() -> None:
    directives = dict(part.split(" ", 1) for part in content_policy().split("; "))
    assert source_hash(SCRIPT) in directives["script-src"]
    assert not re.search(r"unsafe|\*|https?:|data:", directives["script-src"])
    assert directives["object-src"] == directives["base-uri"] == "'none'"
    assert {"http:", "https:", "*"}.isdisjoint(" ".join(directives.values()).split())


def test_a_request_to_empty_the_caches_of_all_is_dropped() -> None:
    clear, rerun = BackMsg(clear_cache=True), BackMsg()
    rerun.rerun_script.query_string = "x=1"
    messages: Iterator[Message] = iter(
        {"type": "websocket.receive", "bytes": data}
        for data in (
            clear.SerializeToString(),
            b"\xff not a message",
            clear.SerializeToString(),
            rerun.SerializeToString(),
        )
    )
    arrived: list[bytes] = []

    async def inner(_scope: Scope, receive: Receive, _send: Send) -> None:
        arrived.extend([(await receive())["bytes"] for _ in range(2)])

    async def incoming() -> Message:
        return next(messages)

    async def outgoing(_message: Message) -> None: ...

    ours = [(b"host", b"testserver"), (b"origin", b"http://testserver")]
    asyncio.run(Gate(inner)({"type": "websocket", "headers": ours}, incoming, outgoing))
    assert arrived == [b"\xff not a message", rerun.SerializeToString()]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://elsewhere.example"},
        {"origin": "http://testserver.elsewhere.example"},
        {"origin": "http://testserver", "sec-fetch-site": "cross-site"},
    ],
)
def test_a_socket_of_another_origin_is_closed_before_it_opens(headers: dict[str, str]) -> None:
    sent: list[Message] = []

    async def inner(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("nobody of another origin gets here")

    async def incoming() -> Message:
        return {"type": "websocket.connect"}

    async def outgoing(message: Message) -> None:
        sent.append(message)

    named = {"host": "testserver", **headers}
    scope = {"type": "websocket", "headers": [(key.encode(), value.encode()) for key, value in named.items()]}
    asyncio.run(Gate(inner)(scope, incoming, outgoing))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_page_at_our_addresses_knows_its_server() -> None:
    assert "/account" in addresses()
    with site() as client:
        answer, start = client.get("/account?account=1"), client.get("/")
        assert client.get("/portfolio", follow_redirects=False).headers["location"] == "/"
    inline = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    assert BASE_SCRIPT in inline
    assert all(source_hash(script) in answer.headers["content-security-policy"] for script in inline)
    head = r"<title>.*?</title>|<link rel=\"(shortcut )?icon\"[^>]*>"
    assert next(found[0] for found in re.finditer(head, answer.text)) == "<title>CS ML</title>"
    assert answer.text.count('<link rel="icon" href="data:image/svg+xml;base64,') == 1
    bare = re.sub(
        head, "", answer.text.replace(f"<script>{BASE_SCRIPT}</script>", "").replace(f"<style>{STYLE}</style>", "")
    )
    assert bare == re.sub(head, "", streamlit_page())
    assert start.text == answer.text
    assert answer.headers["cache-control"] == "no-cache"
