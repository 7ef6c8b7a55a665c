"""What is made of `[auth]` in secrets.toml, and of what the provider said."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from cs_ml.domain.errors import Invalid
from cs_ml.domain.identity.sessions import Vouched
from cs_ml.ui.entry import provider
from cs_ml.ui.entry.provider import PATHS, check_provider, vouched
from tests.services.identity.test_keys import KNOWN
from tests.support.apps import App
from tests.ui.entry.test_gate import site

GOOD = {
    "client_id": "cs-ml",
    "client_secret": "x",
    "cookie_secret": "abcdefghijklmnopqrstuvwxyz0123456789",
    "redirect_uri": "https://cs.example/oauth2callback",
    "server_metadata_url": "https://id.example/.well-known/openid-configuration",
}
CLAIMS = {"email": "ada@example.com", "email_verified": True, "nonce": "n", "iat": 1_790_000_000, "iss": "https://id"}


def setting(monkeypatch: pytest.MonkeyPatch, section: Mapping[str, Any]) -> None:
    monkeypatch.setattr(provider, "_section", lambda: section)


def saying(monkeypatch: pytest.MonkeyPatch, claims: Mapping[str, Any]) -> Vouched | None:
    setting(monkeypatch, GOOD)
    monkeypatch.setattr(st, "user", SimpleNamespace(is_logged_in=True, to_dict=lambda: dict(claims)))
    return vouched()


@pytest.mark.parametrize("secret", [*KNOWN, "a" * 40, "secret" * 8])
def test_no_start_with_a_cookie_secret_that_can_be_guessed(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """Who knows it could say to be anybody."""
    setting(monkeypatch, GOOD | {"cookie_secret": secret})
    with pytest.raises(Invalid, match="cookie_secret"):
        check_provider()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", ""),
        ("client_secret", None),
        ("redirect_uri", "https://cs.example/"),
        ("redirect_uri", "http://cs.example/oauth2callback"),
        ("server_metadata_url", "http://id.example/.well-known/openid-configuration"),
        ("server_metadata_url", "http://localhost.example/"),
    ],
)
def test_a_setting_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    setting(monkeypatch, GOOD | {name: value})
    with pytest.raises(Invalid, match=name):
        check_provider()


def test_good_settings_and_none_at_all_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    local = {"redirect_uri": "http://localhost:{port}/oauth2callback", "server_metadata_url": "http://127.0.0.1:1/x"}
    for section in ({}, GOOD, GOOD | local):
        setting(monkeypatch, section)
        check_provider()


def test_the_word_of_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    assert saying(monkeypatch, CLAIMS) == Vouched(
        email="ada@example.com",
        verified=True,
        proof="https://id n",
        issued_at=datetime.fromtimestamp(1_790_000_000, UTC),
    )
    for half in ("true", 1, None, False):
        said = saying(monkeypatch, CLAIMS | {"email_verified": half})
        assert said is not None
        assert said.verified is False
    for name in ("email", "nonce", "iat"):
        for wrong in (None, "", 7.5, ["ada@example.com"], "a\0b", "x" * 255, -1, 10**18):
            assert saying(monkeypatch, CLAIMS | {name: wrong}) is None


def test_without_a_provider_nobody_is_named_and_its_ways_are_closed(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    saying(monkeypatch, CLAIMS)
    ways = [f"{path}login" if path.endswith("/") else path for path in PATHS]
    with site() as browser:
        assert [browser.get(way).status_code for way in ways] == [200, 200]
        setting(monkeypatch, {})
        assert vouched() is None
        assert [browser.get(way).status_code for way in ways] == [404, 404]
    assert app.token is None


def test_with_a_provider_the_form_offers_it(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    setting(monkeypatch, GOOD)
    test = app.open()
    assert not test.exception
    assert [button.label for button in test.button] == ["Sign in", "Use your company account"]


def test_a_fresh_word_is_refused_like_a_password_and_an_old_one_is_no_attempt(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(datetime.now(UTC).timestamp())
    saying(monkeypatch, CLAIMS | {"iat": now - 3_600})
    assert not app.open().error
    saying(monkeypatch, CLAIMS | {"iat": now})
    assert "This did not work." in app.open().error[0].value
