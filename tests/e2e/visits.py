"""A browser profile that notes what it should not do."""

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from cs_ml.ui.runtime import PLAIN_COOKIE

PHRASE = " violet otters juggle quietly "
WAIT_MS = 30_000


class Visit:
    """One browser profile, and what it did that it should not: foreign requests, dialogs, errors in its console."""

    def __init__(self, browser: Browser, address: str, *, without_policy: bool = False, also: str = "data:") -> None:
        """`without_policy`: the browser does not heed the content policy; the page has to be harmless itself.
        `also`: another address that it may go to."""
        self.address = address
        self._own = (address, also, "data:", "blob:")
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(bypass_csp=without_policy)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        self.page.on("request", self._request)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog {dialog.message}"))

    def _request(self, request: Request) -> None:
        if not request.url.startswith(self._own):
            self.faults.append(f"request {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":  # refused scripts, and requests that failed, are among them
            self.faults.append(f"{message.text} {message.location.get('url', '')}")

    def open(self, path: str = "/") -> None:
        self.page.goto(self.address + path)

    def sign_in(self, password: str = PHRASE, email: str = "ada@example.com") -> None:
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").first.fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def sign_out(self) -> None:
        self.page.get_by_role("button", name="Sign out").click()

    def sign_out_elsewhere(self) -> None:
        """In another tab of this browser, which keeps its cookie."""
        cookie, other = self.cookie(), self.context.new_page()
        other.set_default_timeout(WAIT_MS)
        other.goto(self.address)
        other.get_by_role("button", name="Sign out").click()
        expect(other.get_by_label("E-mail")).to_be_visible()
        other.close()
        if cookie:
            self.context.add_cookies([{"name": PLAIN_COOKIE, "value": str(cookie["value"]), "url": self.address}])

    def expect_form(self) -> None:
        expect(self.page.get_by_label("E-mail")).to_be_visible()
        expect(self.page.get_by_role("button", name="Sign out")).to_have_count(0)

    def expect_signed_in(self) -> None:
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()
        expect(self.page.get_by_text("Acme Inc")).to_be_visible()

    def expect_drawn(self) -> None:
        """The page's run has ended, and what it drew has had time to ask for whatever it wants."""
        expect(self.page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        self.page.wait_for_timeout(1_000)

    def cookie(self) -> dict[str, object] | None:
        return next((dict(c) for c in self.context.cookies() if c.get("name") == PLAIN_COOKIE), None)
