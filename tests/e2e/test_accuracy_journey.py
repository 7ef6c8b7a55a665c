"""The Accuracy page in a real browser: on the demo, and on a tenant with five outcomes."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from cs_ml.bootstrap import open_services
from cs_ml.demo.seed import DemoExample
from cs_ml.domain.actor import Role
from cs_ml.settings import Settings
from tests.e2e.visits import PHRASE, Visit
from tests.support.factories import add_account, add_activity, add_churn, add_prediction, add_tenant


@pytest.fixture
def seeded(seeded: tuple[str, DemoExample]) -> tuple[str, DemoExample]:
    """Beside the demo the tenant `small` with five judged predictions."""
    url, example = seeded
    with open_services(Settings(database_url=url)) as services:
        now = datetime.now(UTC)
        owner = add_tenant(services.database, "small", name="Small Inc")
        accounts = [add_account(services.database, owner) for _ in range(5)]
        for number, account in enumerate(accounts):
            add_activity(services.database, owner, account, completed_at=now)
            at = now - timedelta(days=120)
            row = {"predicted_at": at, "as_of": at, "valid_until": at, "probability": number / 5}
            add_prediction(services.database, owner, account, **row)
        add_churn(services.database, owner, accounts[0], churned_at=now - timedelta(days=60))
        services.access.add_user(owner, "ada@small.example", role=Role.MEMBER, password=PHRASE)
        services.validation.validate(owner)
    return url, example


def test_the_demo_shows_figures_and_five_outcomes_a_guard(visit: Visit, seeded: tuple[str, DemoExample]) -> None:
    page, example = visit.page, seeded[1]
    visit.open("/accuracy")
    visit.sign_in(email=example.admin)
    expect(page.get_by_role("heading", name="Accuracy", level=1)).to_be_visible()
    expect(page.get_by_text("Better than what?")).to_be_visible()
    expect(page.get_by_text("Skill against the usual rate")).to_be_visible()
    page.get_by_role("radio", name="Warnings").click()
    slider = page.get_by_role("slider", name="Warn from this chance on")
    slider.press("Home")
    expect(page.get_by_text("Leavers that were warned of").first).to_be_visible()
    expect(page.get_by_text("100 %", exact=False).first).to_be_visible()

    visit.sign_out()
    visit.expect_form()
    visit.open("/accuracy")
    visit.sign_in(email="ada@small.example")
    expect(page.get_by_text("5 judged")).to_be_visible()
    expect(page.get_by_text("Too few to tell: 5 predictions with 1 churn")).to_be_visible()
