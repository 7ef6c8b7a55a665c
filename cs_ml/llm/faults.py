"""How a call can fail and what follows: the failure table as data, and errors and statuses mapped onto its rows."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from cs_ml.domain.llm.usage import Fault

MAX_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What follows a fault.

    `retries`: at most so many of the same request; `early`: only while more than half of the deadline is left.
    `repair`: the model is told what was wrong, once. `breaker`: whether the endpoint counts as broken; with "opens" for
    `open_s` seconds, None until the settings change. `billed`: a model may have worked on it although no answer came.
    """

    retries: int = 0
    early: bool = False
    repair: bool = False
    breaker: Literal["passes", "counts", "opens"] = "passes"
    open_s: float | None = None
    billed: bool = False


ROWS: Mapping[Fault, Row] = {
    Fault.KEY_REFUSED: Row(breaker="opens"),
    Fault.PERMISSION: Row(breaker="opens", open_s=300),
    Fault.MODEL_NOT_FOUND: Row(breaker="opens"),
    Fault.BAD_REQUEST: Row(),
    Fault.CONTEXT_LENGTH: Row(),
    Fault.QUOTA: Row(breaker="opens", open_s=900),
    Fault.RATE_LIMITED: Row(retries=2, breaker="counts"),
    Fault.SERVER_ERROR: Row(retries=2, breaker="counts"),
    Fault.CONNECTION: Row(retries=1, breaker="counts"),
    Fault.DNS: Row(retries=1, breaker="counts"),
    Fault.TLS: Row(breaker="opens", open_s=300),
    Fault.RESET: Row(retries=2, breaker="counts", billed=True),
    Fault.TIMEOUT: Row(retries=1, early=True, breaker="counts", billed=True),
    Fault.REDIRECT: Row(),
    Fault.INVALID_BODY: Row(retries=1, breaker="counts"),
    Fault.NO_CHOICES: Row(retries=2, breaker="counts"),
    Fault.EMPTY: Row(retries=1),
    Fault.REFUSED: Row(),
    Fault.CONTENT_FILTER: Row(),
    Fault.TRUNCATED: Row(),
    Fault.INVALID_JSON: Row(repair=True),
    Fault.SCHEMA: Row(repair=True),
    Fault.UNGROUNDED: Row(repair=True),
    Fault.TOO_LARGE: Row(breaker="counts", billed=True),
    Fault.BREAKER_OPEN: Row(),
}


class CallFailed(Exception):
    """One attempt gave no usable answer. `detail`: what was wrong, in words for the model or from the server; it may
    hold anything and is neither logged nor shown. `answer`: the text that was rejected. `retry_after` in seconds."""

    def __init__(
        self, fault: Fault, detail: str = "", *, retry_after: float | None = None, answer: str | None = None
    ) -> None:
        super().__init__(fault)
        self.fault = fault
        self.detail = detail
        self.retry_after = retry_after
        self.answer = answer


class Adapted(CallFailed):
    """The endpoint refused an optional parameter, which is left out from now on: the request can be sent again."""


_STATUSES = {
    401: Fault.KEY_REFUSED,
    402: Fault.QUOTA,
    403: Fault.PERMISSION,
    404: Fault.MODEL_NOT_FOUND,
    408: Fault.SERVER_ERROR,
    409: Fault.SERVER_ERROR,
    413: Fault.CONTEXT_LENGTH,
    429: Fault.RATE_LIMITED,
}
# What providers write into `code` or `type`; it says more than the status.
_WORDS = {
    "invalid_api_key": Fault.KEY_REFUSED,
    "model_not_found": Fault.MODEL_NOT_FOUND,
    "insufficient_quota": Fault.QUOTA,
    "billing_hard_limit_reached": Fault.QUOTA,
    "billing_not_active": Fault.QUOTA,
    "rate_limit_exceeded": Fault.RATE_LIMITED,
    "context_length_exceeded": Fault.CONTEXT_LENGTH,
    "exceed_context_size_error": Fault.CONTEXT_LENGTH,
    "content_filter": Fault.CONTENT_FILTER,
    "content_policy_violation": Fault.CONTENT_FILTER,
}
_TOO_LONG = re.compile(r"maximum context length|context (length|size|window)|prompt is too long", re.IGNORECASE)


def status_failure(status: int, body: Any, headers: Mapping[str, str]) -> CallFailed:
    """What an answer with an error status means. `body`: its JSON (or the `error` in it), or its text."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    detail = _complaint(error)
    return CallFailed(_error_fault(error, detail, status), detail, retry_after=_retry_after(headers))


def reported_failure(error: Any) -> CallFailed:
    """What an `error` inside an answer with status 200 means: its code counts, else it is a server error."""
    detail = _complaint(error)
    code = str(error.get("code")) if isinstance(error, Mapping) else ""
    status = int(code) if re.fullmatch("[45][0-9][0-9]", code) else 500
    return CallFailed(_error_fault(error, detail, status), detail)


def _error_fault(error: Any, detail: str, status: int) -> Fault:
    if isinstance(error, Mapping):
        for word in (error.get("code"), error.get("type")):
            if isinstance(word, str) and word in _WORDS:
                return _WORDS[word]
    if status == 400 and _TOO_LONG.search(detail):
        return Fault.CONTEXT_LENGTH
    if 300 <= status < 400:
        return Fault.REDIRECT
    if status >= 500:
        return Fault.SERVER_ERROR
    return _STATUSES.get(status, Fault.BAD_REQUEST)


def _complaint(error: Any) -> str:
    """The parameter that an error names, then its words: this order decides which parameter is left out."""
    if isinstance(error, Mapping):
        return " ".join(str(error[key]) for key in ("param", "message", "detail") if error.get(key))
    return error if isinstance(error, str) else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait. A date counts from the server's own `Date`, as clocks differ."""
    text = headers.get("retry-after", "").strip()
    seconds = float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) else None
    if seconds is None and (until := _date(text)) and (sent := _date(headers.get("date", ""))):
        seconds = (until - sent).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S) if seconds is not None else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return date if date.tzinfo else None


def broken_connection(error: BaseException) -> CallFailed:
    """What an error below the HTTP answer means, by the causes that it was raised from."""
    import httpx2

    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, CallFailed):
            return cause
    kinds: tuple[tuple[type[BaseException], Fault], ...] = (
        (socket.gaierror, Fault.DNS),
        (ssl.SSLError, Fault.TLS),
        (httpx2.TimeoutException, Fault.TIMEOUT),
        (httpx2.ConnectError, Fault.CONNECTION),
        (httpx2.NetworkError, Fault.RESET),
        (httpx2.RemoteProtocolError, Fault.RESET),
        (httpx2.DecodingError, Fault.INVALID_BODY),
    )
    for kind, fault in kinds:
        if any(isinstance(cause, kind) for cause in chain):
            return CallFailed(fault)
    return CallFailed(Fault.CONNECTION)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
