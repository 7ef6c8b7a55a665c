"""Every page for every role and for nobody; and nothing of one tenant on a page of another."""

import ast
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Actor, Permission, Role
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from tests.store.tenancy.twins import SECRET, populate
from tests.support.apps import TIMEOUT_S, App
from tests.support.factories import add_tenant
from tests.support.source import ROOT


def listed(name: str) -> set[str]:
    """The page files of a list of cs_ml/ui/main.py, which draws as soon as it is imported."""
    tree = ast.parse((ROOT / "cs_ml" / "ui" / "main.py").read_text(encoding="utf-8"))
    value = next(
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return {file.removesuffix(".py") for file, _, _ in ast.literal_eval(value)}


PAGES = sorted(file.stem for file in (ROOT / "pages").glob("*.py") if file.stem != "sign_in")
MANAGERS_ONLY = listed("MANAGED")


def test_every_page_file_is_in_the_navigation_or_reached_from_it() -> None:
    assert listed("ENTRIES") | MANAGERS_ONLY == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", list(Role))
def test_a_page_is_drawn_for_whom_may_see_it_alone(app: App, database: Database, role: Role, page: str) -> None:
    owner = add_tenant(database, "acme")
    populate(database, owner, "Ours", 550_001)
    access = runtime.services().access
    person = access.add_user(owner, "ada@example.com", role=role, password="violet otters juggle quietly").person
    actor = Actor(tenant_id=owner.tenant_id, role=role, user_id=person.id)
    app.sign_in(actor)
    alone = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=TIMEOUT_S).run()
    assert not alone.exception
    allowed = page not in MANAGERS_ONLY or actor.may(Permission.MANAGE_TENANT)
    assert bool(alone.title) == allowed
    assert bool(alone.error) != allowed


@pytest.mark.parametrize("page", PAGES)
def test_no_page_holds_a_word_of_another_tenant(
    app: App, database: Database, page: str, figure: Callable[[str], None]
) -> None:
    ours, theirs = add_tenant(database, "acme"), add_tenant(database, "globex")
    populate(database, ours, "Ours", 550_001)
    named = populate(database, theirs, SECRET, 770_001)
    for actor in (theirs, ours, replace(ours, scope="owned")):
        app.sign_in(actor)
        test = app.open(page, account=str(named.account_id), q=SECRET, owner=str(named.user_id))
        drawn = repr(test._tree)
        assert not test.exception
        if actor.tenant_id == theirs.tenant_id:
            assert SECRET in drawn or page not in {"account", "portfolio"}
        else:
            assert SECRET not in drawn.replace(f"'{SECRET}'", "")
    figure(f"{len(PAGES)} pages, 0 words of the other tenant")
