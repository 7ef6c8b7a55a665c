"""The private parts of streamlit-authenticator that our subclass relies on: a new version has to keep them."""

import inspect
import re
from importlib.metadata import version

from streamlit_authenticator import Authenticate
from streamlit_authenticator.controllers import AuthenticationController
from streamlit_authenticator.models import AuthenticationModel

from cs_ml.ui.entry.authenticator import Authenticator


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("streamlit-authenticator") == "0.4.2"


def test_login_touches_only_what_we_replace() -> None:
    source = inspect.getsource(Authenticate.login)
    touched = set(re.findall(r"self\.(\w+(?:\.\w+)?)", source))
    # `secret_key` is read for captchas only, which we do not ask for.
    assert touched == {
        "attrs.get",
        "cookie_controller.get_cookie",
        "cookie_controller.set_cookie",
        "authentication_controller.login",
        "path",
        "secret_key",
    }
    assert "self.authentication_controller.login(username, password," in source


def test_the_arguments_are_those_that_we_pass_and_take() -> None:
    assert {"fields", "key"} <= set(inspect.signature(Authenticate.login).parameters)
    controller = inspect.signature(AuthenticationController.__init__).parameters
    assert {"credentials", "auto_hash", "secret_key"} <= set(controller)
    assert list(inspect.signature(AuthenticationController.login).parameters)[1:3] == ["username", "password"]
    assert "credentials" in inspect.signature(AuthenticationModel.__init__).parameters


def test_the_cookie_component_never_starts_and_no_key_is_the_packages_own() -> None:
    first, second = (Authenticator(lambda _email, _password: None) for _ in range(2))
    assert not hasattr(first.cookie_controller, "cookie_model")
    keys = {each.authentication_controller.secret_key for each in (first, second)}
    assert len(keys) == 2
    assert all(len(key) == 64 for key in keys)


def test_what_was_typed_arrives_as_it_is() -> None:
    seen: list[tuple[str, str]] = []
    form = Authenticator(lambda email, password: seen.append((email, password)))
    assert not form.authentication_controller.login(" Ada@Example.com ", "  spaces count  ")
    assert seen == [(" Ada@Example.com ", "  spaces count  ")]
    assert form.refused
