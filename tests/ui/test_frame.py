"""The strip on top: whose data, how old, made by what; and the way out."""

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Role
from cs_ml.domain.errors import EngineUnavailable
from cs_ml.domain.identity.people import Person
from cs_ml.store.database import Database
from cs_ml.ui import runtime
from tests.llm.server import error, running_server
from tests.support.apps import App
from tests.support.factories import NOW, add_account, add_activity, add_health, add_tenant

PHRASE = "violet otters juggle quietly"


def words(test: AppTest) -> list[str]:
    assert not test.exception
    return [element.value for kind in (test.text, test.caption, test.markdown) for element in kind]


def test_the_strip_names_tenant_data_and_engines(app: App, database: Database) -> None:
    actor = add_tenant(database, name="Acme *Inc* ![x](http://elsewhere.example/x.png)")
    account = add_account(database, actor)
    add_health(database, actor, account, calculated_at=NOW - timedelta(days=3))
    add_activity(database, actor, account, completed_at=NOW)
    app.sign_in(actor)
    test = app.open()
    shown = " | ".join(words(test))
    assert "Acme *Inc* ![x](http://elsewhere.example/x.png)" in [text.value for text in test.text]
    assert "Data up to 30 Jun 2026" in shown.replace("\N{NO-BREAK SPACE}", " ")
    assert "Rules only: no key" in shown
    assert "Demo" not in shown


def test_made_up_customers_are_called_so_and_no_data_is_said(app: App, database: Database) -> None:
    with database.identity(write=True) as identity:
        tenant_id = identity.add_tenant("demo", "Demo Inc", NOW, demo=True)
        user = identity.add_user("ada@example.com", "Ada", NOW)
        identity.set_membership(tenant_id, user, Role.MEMBER, "all", NOW)
    app.sign_in(runtime.services().access.actor_for(user, tenant_id))
    test = app.open()
    shown = " | ".join(words(test))
    assert "Demo: made-up customers" in shown
    assert "No data yet" in shown
    assert "Ada" in [button.label for button in test.button]


def test_the_picker_offers_ones_own_tenants_only(app: App, database: Database) -> None:
    mine, second, _ = (add_tenant(database, slug, name=slug.title()) for slug in ("mine", "second", "foreign"))
    with database.identity(write=True) as identity:
        identity.set_membership(second.tenant_id, mine.user_id or 0, Role.VIEWER, "all", NOW)
    app.sign_in(mine)
    test = app.open()
    picker = test.selectbox[0]
    assert picker.options == ["Mine", "Second"]
    assert picker.value == mine.tenant_id
    picker.set_value(second.tenant_id).run()
    assert not test.exception
    signed_in = runtime.sessions().resolve(app.token or "")
    assert signed_in is not None
    assert signed_in.actor.tenant_id == second.tenant_id
    assert test.selectbox[0].value == second.tenant_id


def test_signing_out_ends_the_session_at_once(app: App, database: Database) -> None:
    app.sign_in(add_tenant(database))
    test = app.open()
    token = app.token or ""
    next(button for button in test.button if button.label == "Sign out").click().run()
    assert not test.exception
    assert runtime.sessions().resolve(token) is None
    assert "session/end" in test.get("html")[0].proto.body
    test.run()
    assert [field.label for field in test.text_input] == ["E-mail", "Password"]


def test_the_state_of_another_user_is_not_shown(app: App, database: Database) -> None:
    first, second = add_tenant(database), add_tenant(database)
    app.sign_in(first)
    test = app.open()
    test.session_state["account_id"] = 17
    test.run()
    assert "account_id" in test.session_state
    app.sign_in(second)
    test.run()
    assert not test.exception
    assert "account_id" not in test.session_state


@pytest.mark.parametrize("role", Role)
def test_every_role_has_a_start_page(app: App, database: Database, role: Role) -> None:
    actor = add_tenant(database)
    access = runtime.services().access
    person: Person = access.add_user(actor, "ada@example.com", role=role, password=PHRASE).person
    app.sign_in(access.actor_for(person.id, actor.tenant_id))
    test = app.open()
    assert not test.exception
    assert not test.error
    assert len(test.title) == 1


def test_the_strip_says_whether_the_model_is_asked(
    app: App, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        server.script(error(401))
        actor = add_tenant(database)
        app.sign_in(actor)
        assert "LLM on" in " | ".join(words(app.open()))
        with pytest.raises(EngineUnavailable):
            runtime.services().trial.call(actor)
        shown = " | ".join(words(app.open()))
    assert "LLM paused: The model's server refused the key" in shown
    assert "LLM on" not in shown
