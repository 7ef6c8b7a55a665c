"""A customer success manager's morning on the demo, in a real browser."""

from playwright.sync_api import Browser, expect

from cs_ml.demo.seed import DemoExample
from cs_ml.ui.runtime import PLAIN_COOKIE
from tests.e2e.visits import Visit


def test_from_sign_in_to_a_fresh_prediction_and_out(
    visit: Visit, browser: Browser, seeded: tuple[str, DemoExample]
) -> None:
    page, example = visit.page, seeded[1]
    visit.open()
    visit.sign_in(email=example.member)
    expect(page.get_by_role("heading", name="Portfolio", level=1)).to_be_visible()
    expect(page.get_by_text("Demo: made-up customers")).to_be_visible()

    visit.open(f"/account?account={example.riskiest_account}")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_text("What raises the risk")).to_be_visible()
    expect(page.get_by_text("from the store")).to_be_visible()

    page.get_by_role("button", name="Refresh", exact=True).click()
    expect(page.get_by_text("· fresh")).to_be_visible()
    page.reload()
    expect(page.get_by_text("from the store")).to_be_visible()

    cookie = visit.cookie()
    assert cookie is not None
    visit.sign_out()
    visit.expect_form()
    thief = Visit(browser, visit.address)
    thief.context.add_cookies([{"name": PLAIN_COOKIE, "value": str(cookie["value"]), "url": visit.address}])
    thief.open(f"/account?account={example.riskiest_account}")
    thief.expect_form()
    thief.context.close()
    assert thief.faults == []
