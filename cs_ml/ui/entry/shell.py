"""The HTML page that loads the app.

Streamlit's own looks for its server below the address of the page first: two requests that fail, two errors in the
browser's console, and half a second of waiting. Ours says where the server is, by the setting that Streamlit keeps for
those who embed an app. It brings our name and icon too, which else every run of a page would send again, and the width
of our pages, which else jump into it.
"""

import re
from base64 import b64encode
from functools import cache
from pathlib import Path

import streamlit

# A constant, so that the content policy can name its hash.
BASE_SCRIPT = "window.__streamlit = { BACKEND_BASE_URL: location.origin }"
# The margins of Streamlit's wide layout, from the first moment on.
STYLE = (
    "@media (min-width: 768px) {.stMainBlockContainer {max-width: none !important; padding-inline: 5rem !important}}"
)
_PAGES = Path(__file__).parents[3] / "pages"
_ICON = Path(__file__).parents[1] / "static" / "icon.svg"


@cache
def streamlit_page() -> str:
    """As Streamlit ships it."""
    return (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")


@cache
def shell() -> str:
    """The same, knowing its server, with our name and icon."""
    icon = f"data:image/svg+xml;base64,{b64encode(_ICON.read_bytes()).decode('ascii')}"
    words = f'<title>CS ML</title><link rel="icon" href="{icon}" /><style>{STYLE}</style>'
    bare = re.sub(r'<title>[^<]*</title>|<link rel="shortcut icon"[^>]*>', "", streamlit_page())
    return bare.replace("</head>", f"<script>{BASE_SCRIPT}</script>{words}</head>", 1)


def addresses() -> list[str]:
    """Of our pages: each has the name of its file."""
    return sorted(f"/{file.stem}" for file in _PAGES.glob("*.py"))
