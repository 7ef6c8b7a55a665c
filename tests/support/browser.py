"""The Chromium or Chrome of the system, for tests that drive a real browser."""

import shutil

from tests.support.requirements import unavailable

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Without a sandbox (root has none), without a graphics card, and without calls to the browser's maker.
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str | None:
    """The path of an installed browser, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def required_browser() -> str:
    """The path of an installed browser; the calling test is skipped, or fails in CI, where there is none."""
    return find_browser() or unavailable("no Chromium or Chrome is installed (on Debian: apt-get install chromium)")
