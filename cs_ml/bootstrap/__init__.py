"""The composition root: settings in, wired services out."""

from cs_ml.bootstrap.opening import (
    backup_database,
    note_keys,
    open_leaving,
    open_schema,
    open_scratch,
    open_services,
    open_sessions,
    restore_database,
    serve_metrics,
)
from cs_ml.bootstrap.wiring import Services

__all__ = [
    "Services",
    "backup_database",
    "note_keys",
    "open_leaving",
    "open_schema",
    "open_scratch",
    "open_services",
    "open_sessions",
    "restore_database",
    "serve_metrics",
]
