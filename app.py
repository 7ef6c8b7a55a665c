"""The ASGI app: Streamlit over cs_ml/ui/main.py, with our routes and headers. `streamlit run app.py` serves it."""

import sys
from importlib import import_module
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from cs_ml.domain.errors import CsMlError
from cs_ml.ui.entry.failure import show_failure
from cs_ml.ui.entry.gate import Gate
from cs_ml.ui.entry.provider import check_provider
from cs_ml.ui.entry.routes import routes
from cs_ml.ui.entry.watched import Watched
from cs_ml.ui.runtime import note_keys, serve_metrics, services, sessions

# Pages import these when they first draw; two first visitors at once would find them half imported.
for package in ("pandas", "plotly.graph_objects"):
    import_module(package)

try:
    sessions()  # a server without a key does not start
    serve_metrics()
    check_provider()
    note_keys()
    services().workforce.begin(services().tasks)  # on the embedded database the app does the long work, too
except CsMlError as error:
    sys.exit(error.message)

app = st.App(
    Path(__file__).parent / "cs_ml" / "ui" / "main.py",
    routes=routes(),
    middleware=[Middleware(Watched), Middleware(Gate)],
    on_script_error=show_failure,
)
