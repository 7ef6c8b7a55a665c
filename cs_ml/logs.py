"""Logs: one JSON object per line on standard error."""

import logging
import re
import sys
from collections.abc import Collection
from typing import Any

import structlog

HIDDEN = "[hidden]"
_SHORTEST_SECRET = 8  # characters; shorter ones would take words out of sentences
# What is a secret by its form, wherever it comes from: keys of model servers, passwords in addresses, credentials.
_FORMS = (
    (re.compile(r"\bsk-[\w-]{8,}"), HIDDEN),
    (re.compile(r"(://[^\s:/@]*:)[^\s@]+(@)"), rf"\1{HIDDEN}\2"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(r"(?i)\b(password|passwd|api[_-]?key|secret|token)(['\"]?\s*[=:]\s*['\"]?)[^\s'\",}]+"),
        rf"\1\2{HIDDEN}",
    ),
)


def configure_logs(level: str, secrets: Collection[str] = ()) -> None:
    """Sets up logging for the process; calling it again changes nothing but the level and what is hidden.

    `secrets` never stand in a line, nor does what is one by its form.
    """
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _Hiding(secrets),
            structlog.processors.JSONRenderer(),
        ],
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,  # the ids of the request or job in which it was logged
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    ours = logging.getLogger("cs_ml")
    ours.handlers = [handler]
    ours.setLevel(level)


class _Hiding:
    """A processor of structlog."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = sorted((each for each in secrets if len(each) >= _SHORTEST_SECRET), key=len, reverse=True)

    def __call__(self, _logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {key: self._hide(value) for key, value in event.items()}

    def _hide(self, value: Any) -> Any:
        if isinstance(value, bool | int | float) or value is None:
            return value
        text = value if isinstance(value, str) else repr(value)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for form, put in _FORMS:
            text = form.sub(put, text)
        return text
