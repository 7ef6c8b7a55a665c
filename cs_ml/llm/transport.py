"""HTTP to one endpoint, through the `openai` package: one request, one deadline, one bounded body."""

import ipaddress
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from cs_ml.domain.errors import Invalid
from cs_ml.domain.llm.usage import Fault
from cs_ml.llm.faults import CallFailed, broken_connection, status_failure

if TYPE_CHECKING:
    import httpx2
    from anyio.from_thread import BlockingPortal
    from openai import AsyncOpenAI

MAX_BODY_BYTES = 1_000_000
CONNECT_TIMEOUT_S = 5.0

T = TypeVar("T")

_most_bytes = ContextVar("most_bytes", default=MAX_BODY_BYTES)  # of the body of the request under way
_log = logging.getLogger(__name__)
_AN_ADDRESS = "an address such as https://api.openai.com/v1, without a name or password in it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A model at an address. `fallback_key` is sent from the moment on that `api_key` is refused.

    Raises Invalid for what is no address, or for one that would send prompts readable: http is for this very machine,
    elsewhere (a server of your own in a private network) only with `allow_http`.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    allow_http: bool = False
    fallback_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.base_url)
            complete = parts.hostname and parts.port != 0 and "@" not in parts.netloc
        except ValueError:  # brackets or a port that are none
            raise _bad_setting("OPENAI_BASE_URL", _AN_ADDRESS) from None
        if parts.scheme not in {"http", "https"} or not complete:
            raise _bad_setting("OPENAI_BASE_URL", _AN_ADDRESS)
        if parts.scheme == "http" and not self.allow_http and not _is_loopback(parts.hostname or ""):
            raise _bad_setting("OPENAI_BASE_URL", "an https address, unless CS_ML_LLM_ALLOW_HTTP is on")
        if not re.fullmatch(r"[!-~]+", self.api_key):
            raise _bad_setting("OPENAI_API_KEY", "a key of ASCII characters without spaces")
        if self.fallback_key is not None and not re.fullmatch(r"[!-~]+", self.fallback_key):
            raise _bad_setting("OPENAI_API_KEY_FALLBACK", "a key of ASCII characters without spaces")
        if not self.model.strip():
            raise _bad_setting("CS_ML_LLM_MODEL", "the name of a model")

    @property
    def keeps_forms(self) -> bool:
        """Whether a new form of an answer costs there: OpenAI compiles it for seconds, and caches prompts behind it."""
        return (urlsplit(self.base_url).hostname or "").endswith((".openai.com", ".openai.azure.com"))


def _bad_setting(name: str, expected: str) -> Invalid:
    return Invalid(f"{name} must be {expected}.", fields={name: expected})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Transport:
    """Thread-safe. Requests run on an event loop in a thread of its own, for that is what can give up in the middle of
    everything: looking up a name, a handshake, headers or a body that trickle. Started at the first request."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._lock = Lock()
        self._running = ExitStack()
        self._opened: tuple[BlockingPortal, AsyncOpenAI] | None = None

    def post(self, body: dict[str, Any], timeout_s: float) -> bytes:
        """The body of the answer to a chat completion request, within `timeout_s` altogether. Raises CallFailed."""
        sent = {"model": self._endpoint.model, **body}
        return self.call(lambda client: _post(client, sent), timeout_s)

    def call(
        self,
        do: "Callable[[AsyncOpenAI], Awaitable[T]]",
        timeout_s: float,
        *,
        most_bytes: int = MAX_BODY_BYTES,
    ) -> T:
        """What comes of requests through the client, within `timeout_s` and bodies of `most_bytes`. Raises
        CallFailed."""
        portal, client = self.open()
        key, until = client.api_key, monotonic() + timeout_s
        try:
            return portal.call(_within, client, do, timeout_s, most_bytes)
        except CallFailed as failed:
            if failed.fault is not Fault.KEY_REFUSED or not self._take_next_key(client, key):
                raise
            return portal.call(_within, client, do, until - monotonic(), most_bytes)

    def _take_next_key(self, client: "AsyncOpenAI", refused: str) -> bool:
        """Whether there is another key than the one that was `refused`; from then on it is the one that is sent."""
        with self._lock:
            following = self._endpoint.fallback_key
            if client.api_key == refused and following and following != refused:
                _log.warning("the language model's key was refused; the fallback key is used from now on")
                client.api_key = following
            return client.api_key != refused

    def open(self) -> "tuple[BlockingPortal, AsyncOpenAI]":
        """The running loop and its client; the first time takes a second or two, as packages are loaded."""
        with self._lock:
            if self._opened is None:
                from anyio.from_thread import start_blocking_portal

                portal = self._running.enter_context(start_blocking_portal())
                client = _client(self._endpoint)
                self._running.callback(portal.call, client.close)
                self._opened = portal, client
            return self._opened

    def close(self) -> None:
        self._running.close()


def _client(endpoint: Endpoint) -> "AsyncOpenAI":
    import httpx2
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    # A model that thinks sends nothing: only connecting has a limit of its own below the deadline.
    timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
    http = DefaultAsyncHttpxClient(
        follow_redirects=False,
        timeout=timeout,
        headers={"Accept-Encoding": "identity"},  # the bound on the body's size must hold for what it unpacks to
        event_hooks={"response": [_bound]},
    )
    return AsyncOpenAI(
        api_key=endpoint.api_key, base_url=endpoint.base_url, timeout=timeout, max_retries=0, http_client=http
    )


async def _post(client: "AsyncOpenAI", body: dict[str, Any]) -> bytes:
    from httpx2 import Response

    # What `chat.completions.create` does, without walking through the body for types that it does not hold.
    answer = await client.post(
        "/chat/completions", cast_to=Response, body=body, options={"security": {"bearer_auth": True}}
    )
    content: bytes = answer.content
    return content


async def _within(
    client: "AsyncOpenAI", do: "Callable[[AsyncOpenAI], Awaitable[T]]", timeout_s: float, most_bytes: int
) -> T:
    import openai
    from anyio import fail_after

    _most_bytes.set(most_bytes)
    try:
        with fail_after(timeout_s):
            return await do(client)
    except TimeoutError as error:
        raise CallFailed(Fault.TIMEOUT) from error
    except openai.APIStatusError as error:
        raise status_failure(error.status_code, error.body, error.response.headers) from None
    except openai.APIConnectionError as error:
        raise broken_connection(error) from None


async def _bound(response: "httpx2.Response") -> None:
    """Refuses a packed body, and cuts off one that is too long while it is read."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise CallFailed(Fault.INVALID_BODY)
    response.stream = _bounded(cast("httpx2.AsyncByteStream", response.stream), _most_bytes.get())


def _bounded(stream: "httpx2.AsyncByteStream", most_bytes: int) -> "httpx2.AsyncByteStream":
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in stream:
                size += len(chunk)
                if size > most_bytes:
                    raise CallFailed(Fault.TOO_LARGE)
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()
