"""How long requests take and how they end, where somebody wants to know."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cs_ml.ui.runtime import services

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Watched:
    """ASGI middleware. Paths are no names: there is no end of them, and they may say whom they are about."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        with services().telemetry.watch("request", method, "") as seen:

            async def note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"] // 100
                    seen.outcome = "ok" if status < 4 else f"{status}xx"
                await send(message)

            await self._app(scope, receive, note)
