"""The Admin page: for those who manage the tenant, and what each part does."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.errors import Invalid
from cs_ml.store.database import Database
from cs_ml.store.tables import Account
from cs_ml.ui import runtime
from cs_ml.ui.screens.admin import importing
from cs_ml.ui.screens.admin.importing import staged
from tests.support.apps import App
from tests.support.factories import NOW, add_account, add_tenant


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def actor(app: App, database: Database) -> Actor:
    made = add_tenant(database, "acme")
    app.sign_in(made)
    return made


def part(app: App, name: str) -> AppTest:
    test = app.open("admin")
    test.segmented_control(key="part").set_value(name).run()
    assert not test.exception
    return test


def words(test: AppTest) -> str:
    kinds = (test.error, test.success, test.caption, test.markdown, test.warning, test.code, test.subheader)
    return (
        "\n".join(element.value for kind in kinds for element in kind)
        .replace("\\", "")
        .replace("\N{NO-BREAK SPACE}", " ")
    )


def rows(test: AppTest, column: str) -> list[Any]:
    return [value for frame in test.dataframe for value in frame.value.get(column, [])]


def test_somebody_is_added_changed_and_removed(app: App, actor: Actor) -> None:
    assert actor.user_id
    test = app.open("admin")
    test.text_input[0].set_value("ada@example.com")
    test.button[_named(test, "Add")].click().run()
    assert "is Member here" in words(test)
    (password,) = test.code
    assert runtime.services().access.verify("ada@example.com", password.value)
    ada = next(m.person.id for m in runtime.services().members.list(actor) if m.person.email == "ada@example.com")
    assert "ada@example.com" in rows(test, "E-mail")
    assert any("has to choose a password" in value for value in rows(test, "Can sign in"))

    test.selectbox(key="person").set_value(ada).run()
    assert not test.code  # shown once
    test.selectbox[_selectbox(test, "Role", last=True)].set_value(Role.VIEWER)
    test.button[_named(test, "Save")].click().run()
    assert "Saved" in words(test)
    assert "Viewer" in rows(test, "Role")
    test.checkbox(key="sure").check().run()
    test.button(key="remove_person").click().run()
    assert not test.exception
    assert runtime.services().access.memberships(ada) == []


def _named(test: AppTest, label: str) -> int:
    return next(index for index, button in enumerate(test.button) if button.label == label)


def _selectbox(test: AppTest, label: str, *, last: bool) -> int:
    found = [index for index, box in enumerate(test.selectbox) if box.label == label]
    return found[-1] if last else found[0]


def test_the_last_owner_cannot_leave(app: App, actor: Actor) -> None:
    test = app.open("admin")
    test.checkbox(key="sure").check().run()
    test.button(key="remove_person").click().run()
    assert "last owner" in words(test)
    assert actor.user_id in {member.person.id for member in runtime.services().members.list(actor)}


def test_a_setting_is_changed_or_refused_and_remembered(app: App, actor: Actor) -> None:
    test = part(app, "Settings")
    test.selectbox(key="setting").set_value("zone").run()
    for value in ("Nowhere", "Asia/Tokyo"):
        test.text_input[0].set_value(value)
        test.button[_named(test, "Save")].click().run()
    assert "Saved" in words(test)
    assert runtime.services().tenant_settings.settings_of(actor).zone == "Asia/Tokyo"
    assert rows(test, "After") == ["Asia/Tokyo"]
    assert rows(test, "Before") == ["not set"]


@pytest.mark.usefixtures("actor")
def test_a_part_of_the_scorecard_is_weighed(app: App) -> None:
    test = part(app, "Scorecard")
    labels = rows(test, "Part")
    assert set(rows(test, "Weight")) == {"1"}
    test.selectbox(key="weight_of").set_value("renewal").run()
    test.number_input(key="weight_of_renewal").set_value(0.5)
    test.button[_named(test, "Save")].click().run()
    assert "Saved" in words(test)
    weights = dict(zip(labels, rows(test, "Weight"), strict=True))
    assert {label for label, weight in weights.items() if weight != "1"} == {"Renewal is near"}
    assert weights["Renewal is near"] == "0.5"
    assert rows(test, "After") == ["renewal 0.5"]


def test_what_is_kept_is_settled_with_a_warning_and_applied(app: App, actor: Actor, database: Database) -> None:
    account = add_account(database, actor, type="CHURNED", updated_at=datetime(2020, 1, 1, tzinfo=UTC))
    test = part(app, "Retention")
    assert rows(test, "Kept")[:2] == ["for good", "for good"]
    test.selectbox(key="keep").set_value("keep_left_days").run()
    test.selectbox(key="keep_keep_left_days").set_value(365).run()
    assert "removes 0 calls and 1 customer" in words(test)
    assert test.button(key="keep_save").disabled
    test.checkbox(key="keep_sure").check().run()
    test.button(key="keep_save").click().run()
    assert "Saved" in words(test)
    assert rows(test, "Kept")[:2] == ["for good", "1\N{NO-BREAK SPACE}year"]
    runtime.services().schedules.run(actor, "retention")
    with database.read(actor) as scope:
        assert scope.execute(select(Account.id).where(Account.id == account)).first() is None
    assert "last: never yet" not in words(part(app, "Retention"))


def test_the_log_is_filtered(app: App, actor: Actor) -> None:
    runtime.services().tenant_settings.set(actor, "zone", "Asia/Tokyo")
    test = part(app, "Audit log")
    assert {"Setting changed", "Sign in succeeded"} <= set(rows(test, "What"))
    test.selectbox(key="log_subject").set_value("setting").run()
    assert rows(test, "What") == ["Setting changed"]
    assert rows(test, "After") == ["value: Asia/Tokyo"]


def test_an_account_is_removed_by_its_name(app: App, actor: Actor, database: Database) -> None:
    account = add_account(database, actor, name="Fen*brook*")
    test = part(app, "Remove data")
    test.text_input(key="purge").set_value(str(account)).run()
    for typed, said in (("Fenbrook", "not the name"), ("Fen*brook*", "is gone")):
        test.text_input[1].set_value(typed)
        test.button[_named(test, "Remove for good")].click().run()
        assert said in words(test)
    test.text_input(key="purge").set_value("999999").run()
    assert "no such account" in words(test)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_nobody_else_gets_in(app: App, actor: Actor, role: Role) -> None:
    access = runtime.services().access
    person = access.add_user(actor, "ada@example.com", role=role, password="violet otters juggle quietly").person
    app.sign_in(Actor(tenant_id=actor.tenant_id, role=role, user_id=person.id))
    with pytest.raises(ValueError, match="navigation page"):  # there is no such page for them
        app.open("admin")


def upload(name: str, data: bytes) -> Any:
    return SimpleNamespace(name=name, getbuffer=lambda: memoryview(data))


def packed(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("accounts.csv", data)
    return stream.getvalue()


def test_what_is_uploaded_is_bounded_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    with staged([upload("accounts.csv", b"x"), upload("contacts.csv", b"y")]) as source:
        assert {path.name for path in source.iterdir()} == {"accounts.csv", "contacts.csv"}
    assert not source.exists()
    monkeypatch.setattr(importing, "MOST_BYTES", 1_000)
    refused = [
        [upload("../../etc/passwd", b"x")],
        [upload("notes.csv", b"x")],
        [upload("a.zip", packed(b"x")), upload("accounts.csv", b"x")],
        [upload("bomb.zip", packed(b"0" * 1_000_000))],
        [upload("accounts.csv", b"x" * 600), upload("contacts.csv", b"y" * 600)],
    ]
    for files in refused:
        with pytest.raises(Invalid), staged(files):
            raise AssertionError("not to be read")
    with staged([upload("a.ZIP", packed(b"x"))]) as source:
        assert zipfile.is_zipfile(source)
