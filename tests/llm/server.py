"""A server that speaks the chat completion protocol over real HTTP on loopback, and fails in every way on demand."""

import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Literal

from jsonschema import Draft202012Validator

_REQUEST = Path(__file__).with_name("openai_chat_request.schema.json")
_DRIP_S = 0.05
USAGE = {
    "prompt_tokens": 800,
    "completion_tokens": 120,
    "total_tokens": 920,
    "prompt_tokens_details": {"cached_tokens": 512},
}
SNAPSHOT = "gpt-4.1-mini-2025-04-14"

Manner = Literal["whole", "hang", "drip_headers", "drip_body", "reset", "cut"]


@dataclass(frozen=True, kw_only=True)
class Canned:
    """An answer. `manner`: sent whole, or never, or in drops without an end, or broken off in the middle."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    manner: Manner = "whole"


def answer(
    content: Any,
    *,
    finish: str = "stop",
    refusal: str | None = None,
    usage: Mapping[str, Any] | None = USAGE,
    **canned: Any,
) -> Canned:
    """A completion. `content`: the text, None, or a value that is written as JSON (NaN too)."""
    text = content if content is None or isinstance(content, str) else json.dumps(content)
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choices = [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}]
    return reply(choices=choices, canned=canned, **({"usage": usage} if usage else {}))


def reply(*, canned: Mapping[str, Any] | None = None, **fields: Any) -> Canned:
    """A body of the protocol with these fields."""
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_780_000_000, "model": SNAPSHOT, **fields}
    return Canned(body=json.dumps(body).encode(), headers={"content-type": "application/json"}, **(canned or {}))


def error(
    status: int, code: str | None = None, *, param: str | None = None, message: str = "No.", **headers: str
) -> Canned:
    """An answer with an error status, in the provider's form; header names with _ for -."""
    body = {"error": {"message": message, "type": "error", "param": param, "code": code}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Canned(status=status, body=json.dumps(body).encode(), headers={"content-type": "application/json", **named})


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request: its JSON, the same as bytes, and its headers with lower-case names."""

    body: Mapping[str, Any]
    raw: bytes
    headers: Mapping[str, str]


Answering = Callable[[Mapping[str, Any]], Canned]


# Method, path with query, body and headers of a request that is no question.
Beside = Callable[[str, str, bytes, Mapping[str, str]], Canned]


class FakeServer:
    """Answers each request with the next of a script, the last of it for ever, or with what a function makes of it.

    `invalid`: what is wrong with received requests by the provider's own description; the fixture fails on it.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.requests: list[Received] = []
        self.invalid: list[str] = []
        self.connections = 0
        self.stopping = Event()
        self.beside: Beside | None = None
        self._script: Sequence[Canned] = ()
        self._answering: Answering | None = None
        self._lock = Lock()

    def script(self, *answers: Canned) -> None:
        self._script, self._answering = answers, None

    def answer_by(self, answering: Answering) -> None:
        self._answering = answering

    def takes(self, method: str, path: str) -> bool:
        """Whether it is a question as any other; else `beside` answers it."""
        return self.beside is None or (method == "POST" and path.endswith("/chat/completions"))

    def take(self, received: Received) -> Canned:
        with self._lock:
            self.requests.append(received)
            self.invalid += faults_of(received.body)
            if self._answering is None:
                return self._script[min(len(self.requests), len(self._script)) - 1]
        return self._answering(received.body)


def faults_of(body: Any) -> list[str]:
    """What is wrong with a request by the provider's own description."""
    return [error.message[:200] for error in _validator().iter_errors(body)]


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(_REQUEST.read_text("utf-8")))


@contextmanager
def running_server() -> Iterator[FakeServer]:
    """A server on a free port of loopback, until the end of the block."""
    http = _Http(("127.0.0.1", 0), _Handler)
    http.fake = FakeServer(http.server_port)
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield http.fake
    finally:
        http.fake.stopping.set()
        http.shutdown()
        thread.join()
        http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    fake: FakeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what the tests want; anything else is a fault of this file, and shown."""
        import sys

        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.server.fake.connections += 1

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        fake = self.server.fake
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if fake.beside is None or fake.takes(method, self.path):
            canned = fake.take(Received(body=json.loads(raw), raw=raw, headers=headers))
        else:
            canned = fake.beside(method, self.path, raw, headers)
        self.server.fake.stopping.wait(canned.delay_s)
        if canned.manner == "hang":
            self.server.fake.stopping.wait()
        elif canned.manner == "drip_headers":
            self._drip(b"HTTP/1.1 200 OK\r\nx-slow: ")
        else:
            self._send(canned)

    def _send(self, canned: Canned) -> None:
        body = canned.body
        self.send_response_only(canned.status)
        for name, value in canned.headers.items():
            self.send_header(name, value)
        broken = canned.manner != "whole"
        self.send_header("content-length", str(len(body) + 1_000 if broken else len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if canned.manner == "drip_body":
            self._drip(b"")
        if broken:
            self.close_connection = True
        if canned.manner == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _drip(self, begin: bytes) -> None:
        self.close_connection = True
        self.wfile.write(begin)
        while not self.server.fake.stopping.wait(_DRIP_S):
            self.wfile.write(b" ")
            self.wfile.flush()
