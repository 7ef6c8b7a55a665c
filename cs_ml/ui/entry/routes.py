"""What is answered over plain HTTP beside Streamlit: sessions, readiness, and the page that loads the app."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from cs_ml.services.identity.sessions import ABSOLUTE
from cs_ml.ui.entry.handover import CLAIM_PATH, END_PATH
from cs_ml.ui.entry.origins import is_same_origin
from cs_ml.ui.entry.shell import addresses, shell
from cs_ml.ui.runtime import PLAIN_COOKIE, SECURE_COOKIE, services, sessions, telling

_MAX_TICKET_BYTES = 128


def routes() -> list[Route]:
    return [
        Route(f"/{CLAIM_PATH}", _claim, methods=["POST"]),
        Route(f"/{END_PATH}", _end, methods=["POST"]),
        Route("/readyz", _ready, methods=["GET"]),
        Route("/", _page, methods=["GET"]),
        Route("/portfolio", _start_page, methods=["GET"]),
        *(Route(address, _page, methods=["GET"]) for address in addresses()),
    ]


def cookie_name(request: Request) -> str:
    return SECURE_COOKIE if request.url.scheme == "https" else PLAIN_COOKIE


async def _claim(request: Request) -> Response:
    """204 and the cookie for a ticket; 410 for one that is spent; 403 for a page of another origin."""
    if not is_same_origin(request):
        return Response(status_code=403)
    ticket = (await request.body())[:_MAX_TICKET_BYTES].decode("ascii", "replace")
    token = await run_in_threadpool(telling(sessions().redeem), ticket)
    if token is None:
        return Response(status_code=410)
    answer = Response(status_code=204)
    answer.set_cookie(
        cookie_name(request),
        token,
        max_age=int(ABSOLUTE.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


async def _start_page(request: Request) -> Response:
    """Streamlit shows its start page at `/` only; a link that names it leads there, filters and all."""
    return RedirectResponse(f"/?{request.url.query}" if request.url.query else "/")


async def _page(_: Request) -> Response:
    return HTMLResponse(shell(), headers={"Cache-Control": "no-cache"})


async def _end(request: Request) -> Response:
    """204, the session ended and the cookie removed; 403 for a page of another origin."""
    if not is_same_origin(request):
        return Response(status_code=403)
    name = cookie_name(request)
    if name in request.cookies:
        await run_in_threadpool(telling(sessions().end), request.cookies[name])
    answer = Response(status_code=204)
    answer.delete_cookie(name, path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax")
    return answer


async def _ready(_: Request) -> Response:
    """200 while the database answers, else 503."""
    up = await run_in_threadpool(services().database.is_up)
    return JSONResponse({"ready": up}, status_code=200 if up else 503)
