"""Prompts checked, counted and shown; what a tenant did not allow is in none of them."""

import shutil
from pathlib import Path

import pytest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Forbidden, Invalid, NotFound
from cs_ml.llm.prompts import FOLDER
from cs_ml.llm.tokens import token_counter
from cs_ml.services.identity.tenant_settings import TenantSettingsService
from cs_ml.services.llm.entities import KnownEntitiesCache
from cs_ml.services.llm.prompts import PromptService, check_prompts
from cs_ml.store.database import Database
from tests.support.factories import NOW, add_account, add_activity, add_contact, add_tenant, add_user


@pytest.fixture
def prompts(database: Database) -> PromptService:
    return PromptService(database, lambda: NOW, KnownEntitiesCache(database))


@pytest.fixture
def acme(database: Database) -> Actor:
    return add_tenant(database, "acme")


@pytest.fixture
def account(database: Database, acme: Actor) -> int:
    globex = add_account(database, acme, name="Globex", industry="Zofia's shops")
    add_contact(database, acme, globex, first_name="Zofia", last_name="Wilk")
    add_activity(database, acme, globex, subject="Call with Zofia about the Globex renewal")
    return globex


def test_a_preview_hides_names_and_sends_no_free_text_unless_allowed(
    database: Database, prompts: PromptService, acme: Actor, account: int
) -> None:
    before = prompts.preview(acme, account)
    assert [message.role for message in before.messages] == ["system", "user"]
    assert "Call with" not in before.messages[1].content
    assert "industry [PERSON_1]'s shops" in before.messages[1].content
    assert (before.free_text, before.hidden) == (False, {"account": 1, "person": 1})
    TenantSettingsService(database, lambda: NOW).set(acme, "llm_free_text", "on")
    after = prompts.preview(acme, account)
    assert "with [PERSON_1] about the [ACCOUNT_1]" in after.messages[1].content
    assert after.free_text
    assert after.prompt_version == before.prompt_version


def test_the_cost_counts_every_token_once(prompts: PromptService, acme: Actor, account: int) -> None:
    counter = token_counter()
    cost, preview = prompts.cost(acme, account), prompts.preview(acme, account)
    assert cost.method == counter.method
    assert cost.total == sum(counter.count(message.content) for message in preview.messages)
    assert sum(cost.parts.values()) == cost.total
    assert cost.parts["fixed"] == counter.count(preview.messages[0].content)
    assert cost.parts["activities"] > 0


def test_only_for_whom_manages_the_tenant_and_only_its_accounts(
    database: Database, prompts: PromptService, acme: Actor, account: int
) -> None:
    member = Actor(tenant_id=acme.tenant_id, role=Role.MEMBER, user_id=add_user(database))
    other = add_tenant(database, "other")
    for ask in (prompts.preview, prompts.cost):
        with pytest.raises(Forbidden):
            ask(member, account)
        with pytest.raises(NotFound):
            ask(other, account)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "prompts"))


def test_the_prompts_of_the_product_are_fine() -> None:
    assert set(check_prompts()) == {"system", "churn_risk", "health_system", "health_summary"}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("churn_risk.md", "{{ window_days }}", "90", "window_days"),
        ("churn_risk.md", "{{ facts }}", "{{ facts }} {{ mood }}", "mood"),
        ("churn_risk.md", '"facts"]', '"facts", "mood"]', "mood"),
        ("churn_risk.md", "{{ facts }}", "{{ facts", "churn_risk.md"),
        ("churn_risk.md", "ChurnAnswer", "OtherAnswer", "ChurnAnswer"),
        ("churn_risk.md", "+++", "---", "churn_risk.md"),
        ("system.md", "max_tokens = 1200", "", "max_tokens"),
        ("health_summary.md", "HealthAnswer", "ChurnAnswer", "HealthAnswer"),
        ("health_summary.md", "{{ found }}", "nothing", "found"),
        ("health_system.md", "temperature = 0.1", "", "temperature"),
        ("system.md", "variables = []", "variables = [", "system.md"),
    ],
)
def test_a_broken_prompt_is_named(folder: Path, file: str, old: str, new: str, said: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(Invalid, match=said):
        check_prompts(folder)


def test_a_prompt_that_nothing_asks_with_or_that_is_missing_is_named(folder: Path) -> None:
    (folder / "extra.md").write_text("+++\nvariables = []\n+++\nHello", encoding="utf-8")
    with pytest.raises(Invalid, match="extra"):
        check_prompts(folder)
    (folder / "extra.md").rename(folder / "system.md")
    (folder / "churn_risk.md").unlink()
    with pytest.raises(Invalid, match="churn_risk"):
        check_prompts(folder)


def test_any_change_of_a_text_changes_the_version(folder: Path) -> None:
    before = check_prompts(folder)
    with (folder / "system.md").open("a") as file:
        file.write("Be kind.\n")
    assert check_prompts(folder)["system"] != before["system"]
