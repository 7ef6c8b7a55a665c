"""The HTML page that loads the app, where the address names one of our pages.

Streamlit's own looks for its server below the address of the page first: two requests that fail, two errors in the
browser's console, and half a second of waiting. Ours says where the server is, by the setting that Streamlit keeps for
those who embed an app.
"""

from functools import cache
from pathlib import Path

import streamlit

# A constant, so that the content policy can name its hash.
BASE_SCRIPT = "window.__streamlit = { BACKEND_BASE_URL: location.origin }"
_PAGES = Path(__file__).parents[3] / "pages"


@cache
def streamlit_page() -> str:
    """As Streamlit ships it."""
    return (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")


@cache
def shell() -> str:
    """The same, knowing its server."""
    return streamlit_page().replace("</head>", f"<script>{BASE_SCRIPT}</script></head>", 1)


def addresses() -> list[str]:
    """Of our pages: each has the name of its file."""
    return sorted(f"/{file.stem}" for file in _PAGES.glob("*.py"))
