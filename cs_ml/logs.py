"""Logs: one JSON object per line on standard error."""

import logging
import sys

import structlog


def configure_logs(level: str) -> None:
    """Sets up logging for the process; calling it again changes nothing but the level."""
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
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
