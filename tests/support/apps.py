"""The app under Streamlit's AppTest: signed out, or signed in by a real session in the test's database."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from cs_ml.domain.actor import Actor
from cs_ml.ui import runtime
from tests.support.source import ROOT

SESSION_KEY = "0123456789abcdefghijklmnopqrstuvwxyz"
TIMEOUT_S = 30  # a busy machine, and a sign-in that takes a second by design


class App:
    """One process of the app over one database. `token` is what the browser's cookie holds."""

    def __init__(self) -> None:
        self.token: str | None = None

    def sign_in(self, actor: Actor) -> None:
        """A session of the actor's user, in the actor's tenant."""
        assert actor.user_id is not None
        sessions = runtime.sessions()
        with runtime.services().database.identity() as identity:
            person = identity.get_user(actor.user_id)
        assert person is not None
        self.token = sessions.redeem(sessions._ticket(person))
        assert self.token is not None
        sessions.choose_tenant(self.token, actor.tenant_id)

    def open(self, page: str | None = None, **query: str) -> AppTest:
        """The start page, or a page by the name of its file, drawn once."""
        test = AppTest.from_file(str(ROOT / "cs_ml" / "ui" / "main.py"), default_timeout=TIMEOUT_S)
        test.query_params.update(query)
        test.run()
        if page:
            test.switch_page(str(ROOT / "pages" / f"{page}.py")).run()
        return test


@contextmanager
def app_over(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The app over a migrated database, nobody signed in."""
    app = App()
    monkeypatch.setenv("CS_ML_DATABASE_URL", database_url)
    monkeypatch.setenv("CS_ML_SESSION_KEY", SESSION_KEY)
    cookies = property(lambda _: {runtime.PLAIN_COOKIE: app.token} if app.token else {})
    monkeypatch.setattr(ContextProxy, "cookies", cookies)
    _forget()
    yield app
    runtime.services().database.close()
    _forget()


def _forget() -> None:
    for cached in (runtime.services, runtime.sessions):
        cached.cache_clear()
    st.cache_data.clear()
