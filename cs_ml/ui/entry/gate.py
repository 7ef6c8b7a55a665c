"""Stands before every request: headers for the browser, and what is closed without a session."""

import re

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from cs_ml.domain.errors import DatabaseAway
from cs_ml.ui.entry.handover import SCRIPT, source_hash
from cs_ml.ui.entry.origins import is_same_origin
from cs_ml.ui.entry.provider import PATHS, has_provider
from cs_ml.ui.entry.shell import BASE_SCRIPT, streamlit_page
from cs_ml.ui.runtime import PLAIN_COOKIE, SECURE_COOKIE, sessions, telling

# Files of other users' runs: nothing for whom is not signed in.
NEEDS_SESSION = ("/media/", "/_stcore/upload_file/")
# Ways in that the app does not offer to anybody.
CLOSED = ("/_stcore/metrics", "/_stcore/agent")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
}
_NO_STORE = ("/media/", "/session/", "/readyz", *PATHS)
_POLICY_VIOLATION = 1008  # before the socket is accepted, the browser gets 403
_HSTS = "max-age=31536000"


def content_policy() -> str:
    """Nothing from elsewhere, and no script but Streamlit's files, its page's own inline one, and our constant ones."""
    scripts = (SCRIPT, BASE_SCRIPT, *re.findall(r"<script>(.*?)</script>", streamlit_page(), re.DOTALL))
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {' '.join(map(source_hash, scripts))}",
            "style-src 'self' 'unsafe-inline'",  # Streamlit styles its elements in place
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "frame-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = {"Content-Security-Policy": content_policy(), **HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not is_same_origin(HTTPConnection(scope)):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        elif scope["type"] == "websocket":
            await self._app(scope, _without_clear_cache(receive), send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, self._with_headers(scope, send))
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            closed = await _closed(scope)
            await (closed or self._app)(scope, receive, send)
        except DatabaseAway as away:
            await PlainTextResponse(away.message, status_code=503)(scope, receive, send)

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if scope["path"].startswith(_NO_STORE):
                    headers["Cache-Control"] = "no-store"
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = _HSTS
            await send(message)

        return sender


async def _closed(scope: Scope) -> Response | None:
    path = scope["path"]
    if path.startswith(CLOSED) or (path.startswith(PATHS) and not has_provider()):
        return Response(status_code=404)
    if path.startswith(NEEDS_SESSION) and not await run_in_threadpool(_has_session, HTTPConnection(scope)):
        return Response(status_code=401)
    return None


def _has_session(connection: HTTPConnection) -> bool:
    tokens = (connection.cookies.get(name) for name in (SECURE_COOKIE, PLAIN_COOKIE))
    return any(token and telling(sessions().resolve)(token) for token in tokens)


def _without_clear_cache(receive: Receive) -> Receive:
    """Any browser may ask Streamlit to empty the caches of all users; that message is dropped."""

    async def receiver() -> Message:
        while _clears_cache(message := await receive()):
            pass
        return message

    return receiver


def _clears_cache(message: Message) -> bool:
    data = message.get("bytes")
    if message["type"] != "websocket.receive" or not data:
        return False
    try:
        return bool(BackMsg.FromString(data).WhichOneof("type") == "clear_cache")
    except DecodeError:
        return False  # Streamlit judges what it cannot read
