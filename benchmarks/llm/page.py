"""The Account page in a real browser, with whatever model the app is set up with."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright

from tests.e2e.visits import PHRASE, Visit
from tests.support.browser import BROWSER_FLAGS, find_browser

FRESH, STORED = "· fresh", "from the store"
FELL_BACK = "The usual method could not answer"
MADE = "How this was made"
WIDE = ViewportSize(width=1440, height=1100)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """`made`: what the card says of the model's answer, or why there is none; `stored`: whether it came from the store
    after a reload. `faults`: what the browser did that it should not."""

    seconds: float
    made: tuple[str, ...]
    stored: bool
    faults: tuple[str, ...]


def refresh_and_reload(address: str, email: str, account: int, *, patience_s: float, shots: Path | None) -> Seen:
    """Signs in, opens the account, presses Refresh and waits for the answer, then reloads."""
    with sync_playwright() as playwright:
        chromium = find_browser() or sys.exit("No Chromium or Chrome is installed.")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(BROWSER_FLAGS))
        visit = Visit(browser, address)
        page = visit.page
        page.set_viewport_size(WIDE)
        visit.open()
        visit.sign_in(PHRASE, email)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        visit.open(f"/account?account={account}")
        expect(page.get_by_text(STORED)).to_be_visible()
        began = time.monotonic()
        page.get_by_role("button", name="Refresh", exact=True).click()
        answered = page.get_by_text(FRESH).or_(page.get_by_text("No new answer this time"))
        expect(answered).to_be_visible(timeout=patience_s * 1000)
        seconds = time.monotonic() - began
        made = _made(page)
        _shoot(page, shots, "refreshed")
        page.reload()
        stored = page.get_by_text(STORED)
        expect(stored).to_be_visible()
        _shoot(page, shots, "reloaded")
        seen = Seen(seconds=seconds, made=made, stored=stored.is_visible(), faults=tuple(visit.faults))
        browser.close()
        return seen


def _made(page: Page) -> tuple[str, ...]:
    """The labels and values under the card, or the sentence that says why the model did not answer."""
    fold = page.get_by_test_id("stExpander").filter(has_text=MADE)
    if fold.count() == 0:
        return _lines(page.get_by_text(FELL_BACK))
    fold.get_by_text(MADE).click()
    expect(fold.get_by_text("Prompt version")).to_be_visible()
    return tuple(line for line in _lines(fold) if line != MADE and not line.startswith("keyboard_"))


def _lines(shown: Locator) -> tuple[str, ...]:
    return tuple(line for line in shown.inner_text().splitlines() if line.strip())


def _shoot(page: Page, shots: Path | None, name: str) -> None:
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=shots / f"{name}.png", full_page=True)
