"""From the riskiest account of the demo to a finished CTA, in a real browser."""

import re

from playwright.sync_api import expect

from cs_ml.demo.seed import DemoExample
from tests.e2e.visits import Visit


def test_accept_an_edited_cta_find_it_complete_it_and_see_the_figures_change(
    visit: Visit, seeded: tuple[str, DemoExample]
) -> None:
    page, example = visit.page, seeded[1]
    visit.open()
    visit.sign_in(email=example.member)
    expect(page.get_by_role("heading", name="Portfolio", level=1)).to_be_visible()

    visit.open(f"/account?account={example.riskiest_account}")
    card = page.locator(".st-key-proposal")
    expect(card.get_by_role("heading", name="Suggested CTA")).to_be_visible()
    card.get_by_role("button", name="Edit and accept").click()
    form = page.get_by_test_id("stForm").filter(has=page.get_by_role("button", name="Accept edited"))
    form.get_by_label("Title").fill("Talk to the new sponsor")
    form.get_by_role("button", name="Accept edited").click()
    expect(card.get_by_text("Taken up")).to_be_visible()

    card.get_by_role("link", name="Open in CTAs").click()
    expect(page.get_by_role("heading", name="CTAs", exact=True)).to_be_visible()
    expect(page.get_by_text("0 of 1 (0\N{NO-BREAK SPACE}%)")).to_be_visible()
    expect(page.get_by_text("from a suggestion")).to_be_visible()

    page.get_by_placeholder("Title or account").fill("new sponsor")
    page.get_by_placeholder("Title or account").press("Enter")
    page.get_by_role("button", name=re.compile(r"(Today|Next 7 days|Later)\s· 1$")).click()
    expect(page.get_by_role("heading", name=re.compile(r"(Today|Next 7 days|Later): 1\sCTA"))).to_be_visible()
    page.get_by_role("button", name="Talk to the new sponsor").click()
    page.get_by_role("button", name="Complete").click()
    form = page.get_by_test_id("stForm").filter(has=page.get_by_label("Note"))
    form.get_by_label("Note").fill("They stay for two years")
    form.get_by_role("button", name="Complete").click()
    expect(page.get_by_text("Completed: 1\N{NO-BREAK SPACE}CTA.")).to_be_visible()
    expect(page.get_by_text("1 of 1 (100\N{NO-BREAK SPACE}%)")).to_be_visible()
